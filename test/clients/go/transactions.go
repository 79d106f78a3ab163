package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const copied = 60

// transactions: commit, abort, fencing, and a copy between topics with its offsets in the transaction.
func (r *run) transactions() error {
	topic := r.prefix + "-transactions"
	if err := r.createReady(topic, partitionCount); err != nil {
		return err
	}
	ctx := context.Background()
	producer, err := r.transactional(topic)
	if err != nil {
		return err
	}
	defer producer.Close()
	steps := []struct {
		values []string
		end    kgo.TransactionEndTry
	}{{[]string{"a0", "a1", "a2"}, kgo.TryCommit}, {[]string{"b0", "b1", "b2"}, kgo.TryAbort}, {[]string{"c0"}, kgo.TryCommit}}
	for _, step := range steps {
		if err := writeTransaction(producer, topic, step.values); err != nil {
			return err
		}
		if err := producer.EndTransaction(ctx, step.end); err != nil {
			return err
		}
	}
	if err := writeTransaction(producer, topic, []string{"zombie"}); err != nil {
		return err
	}
	successor, err := r.transactional(topic)
	if err != nil {
		return err
	}
	defer successor.Close()
	if err := writeTransaction(successor, topic, []string{"d0"}); err != nil {
		return err
	}
	if err := successor.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return err
	}
	if producer.EndTransaction(ctx, kgo.TryCommit) == nil {
		return errors.New("a producer commits that was fenced")
	}
	committed := []string{"a0", "a1", "a2", "c0", "d0"}
	if err := r.assertValues(topic, kgo.ReadCommitted(), committed); err != nil {
		return err
	}
	return r.assertValues(topic, kgo.ReadUncommitted(), []string{"a0", "a1", "a2", "b0", "b1", "b2", "c0", "d0", "zombie"})
}

// copyInTransactions copies a topic in a group, with every third transaction aborted and done again.
func (r *run) copyInTransactions() error {
	from, to := r.prefix+"-copy-from", r.prefix+"-copy-to"
	for _, topic := range []string{from, to} {
		if err := r.createReady(topic, partitionCount); err != nil {
			return err
		}
	}
	var expected []string
	plain, err := kgo.NewClient(kgo.SeedBrokers(r.client.bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer plain.Close()
	for i := range copied {
		value := fmt.Sprintf("r%02d", i)
		expected = append(expected, value)
		record := &kgo.Record{Topic: from, Partition: int32(i % partitionCount), Value: []byte(value)}
		if err := plain.ProduceSync(context.Background(), record).FirstErr(); err != nil {
			return err
		}
	}
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(r.client.bootstrap), kgo.TransactionalID(to), kgo.ConsumerGroup(from), kgo.ConsumeTopics(from),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.RequireStableFetchOffsets(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.FetchMaxWait(200*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer session.Close()
	for done, round := 0, 0; done < copied; {
		ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
		fetches := session.PollRecords(ctx, 7)
		cancel()
		if err := fetches.Err(); err != nil {
			return err
		}
		if err := session.Begin(); err != nil {
			return err
		}
		fetches.EachRecord(func(record *kgo.Record) {
			session.Produce(context.Background(), &kgo.Record{Topic: to, Partition: record.Partition, Value: record.Value}, nil)
		})
		round++
		committed, err := session.End(context.Background(), kgo.TransactionEndTry(round%3 != 0))
		if err != nil {
			return err
		}
		if committed {
			done += fetches.NumRecords()
		}
	}
	return r.assertValues(to, kgo.ReadCommitted(), expected)
}

func (r *run) transactional(id string) (*kgo.Client, error) {
	return kgo.NewClient(
		kgo.SeedBrokers(r.client.bootstrap), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
}

// writeTransaction begins a transaction and writes to partitions 0, 1, 2.
func writeTransaction(client *kgo.Client, topic string, values []string) error {
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	var records []*kgo.Record
	for partition, value := range values {
		records = append(records, &kgo.Record{Topic: topic, Partition: int32(partition), Value: []byte(value)})
	}
	return client.ProduceSync(context.Background(), records...).FirstErr()
}

// assertValues reads until so many values came and no more come.
func (r *run) assertValues(topic string, isolation kgo.IsolationLevel, expected []string) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(r.client.bootstrap), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(isolation),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	var values []string
	deadline := time.Now().Add(settleTimeout)
	for time.Now().Before(deadline) {
		patience := time.Second
		if len(values) < len(expected) {
			patience = settleTimeout
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		fetches := client.PollFetches(ctx)
		cancel()
		if errors.Is(fetches.Err0(), context.DeadlineExceeded) {
			break
		}
		fetches.EachRecord(func(record *kgo.Record) { values = append(values, string(record.Value)) })
	}
	sort.Strings(values)
	return assertEqual(values, expected, "what is read with isolation")
}
