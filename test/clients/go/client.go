package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	callTimeout = 30 * time.Second
	atLatest    = -1
	atEarliest  = -2
)

var codecNames = []string{"none", "gzip", "snappy", "lz4", "zstd"}

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

type client struct {
	bootstrap  string
	plain      *kgo.Client
	admin      *kadm.Client
	idempotent *kgo.Client
}

func newClient(bootstrap string) *client {
	plain, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.MetadataMinAge(100*time.Millisecond))
	must(err)
	return &client{bootstrap: bootstrap, plain: plain, admin: kadm.NewClient(plain)}
}

func (c *client) close() {
	if c.idempotent != nil {
		c.idempotent.Close()
	}
	c.admin.Close()
}

func inTime() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), callTimeout)
}

func (c *client) createTopic(topic string, partitions int32, configs map[string]*string) error {
	ctx, cancel := inTime()
	defer cancel()
	_, err := c.admin.CreateTopic(ctx, partitions, 1, configs, topic)
	return err
}

func (c *client) deleteTopic(topic string) error {
	ctx, cancel := inTime()
	defer cancel()
	_, err := c.admin.DeleteTopic(ctx, topic)
	return err
}

func (c *client) isListed(topic string) (bool, error) {
	ctx, cancel := inTime()
	defer cancel()
	topics, err := c.admin.ListTopics(ctx)
	return topics.Has(topic), err
}

// describeTopic answers the number of partitions, and of those that have a leader.
func (c *client) describeTopic(topic string) (int, int, error) {
	ctx, cancel := inTime()
	defer cancel()
	topics, err := c.admin.ListTopics(ctx, topic)
	if err != nil {
		return 0, 0, err
	}
	led := 0
	for _, partition := range topics[topic].Partitions {
		if partition.Leader >= 0 {
			led++
		}
	}
	return len(topics[topic].Partitions), led, topics[topic].Err
}

func (c *client) topicConfig(topic, name string) (string, error) {
	ctx, cancel := inTime()
	defer cancel()
	resources, err := c.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return "", err
	}
	resource, err := resources.On(topic, nil)
	if err != nil {
		return "", err
	}
	for _, config := range resource.Configs {
		if config.Key == name {
			return config.MaybeValue(), nil
		}
	}
	return "", fmt.Errorf("%s is not described", name)
}

func (c *client) growTopic(topic string, partitions int) error {
	ctx, cancel := inTime()
	defer cancel()
	responses, err := c.admin.UpdatePartitions(ctx, partitions, topic)
	if err != nil {
		return err
	}
	return responses.Error()
}

func (c *client) offsets(topic string, at int64) ([]int64, error) {
	ctx, cancel := inTime()
	defer cancel()
	var listed kadm.ListedOffsets
	var err error
	switch at {
	case atLatest:
		listed, err = c.admin.ListEndOffsets(ctx, topic)
	case atEarliest:
		listed, err = c.admin.ListStartOffsets(ctx, topic)
	default:
		listed, err = c.admin.ListOffsetsAfterMilli(ctx, at, topic)
	}
	if err != nil {
		return nil, err
	}
	if err := listed.Error(); err != nil {
		return nil, err
	}
	offsets := make([]int64, len(listed[topic]))
	for partition, one := range listed[topic] {
		offsets[partition] = one.Offset
	}
	return offsets, nil
}

func (c *client) produce(topic string, records []wireRecord, codec string, idempotent bool) error {
	producer := c.idempotent
	if producer == nil || !idempotent {
		options := []kgo.Opt{
			kgo.SeedBrokers(c.bootstrap),
			kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.ProducerBatchCompression(codecs[codec]),
			kgo.ProducerLinger(20 * time.Millisecond),
			kgo.RequiredAcks(kgo.AllISRAcks()),
		}
		if !idempotent {
			options = append(options, kgo.DisableIdempotentWrite())
		}
		created, err := kgo.NewClient(options...)
		if err != nil {
			return err
		}
		producer = created
	}
	if idempotent {
		c.idempotent = producer
	} else {
		defer producer.Close()
	}
	ctx, cancel := inTime()
	defer cancel()
	var sent []*kgo.Record
	for _, record := range records {
		sent = append(sent, toRecord(topic, record))
	}
	return producer.ProduceSync(ctx, sent...).FirstErr()
}

func (c *client) read(topic string, count int) ([]wireRecord, error) {
	offsets := map[int32]kgo.Offset{}
	for partition := int32(0); partition < partitionCount; partition++ {
		offsets[partition] = kgo.NewOffset().AtStart()
	}
	assigned := map[string]map[int32]kgo.Offset{topic: offsets}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.ConsumePartitions(assigned))
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	ctx, cancel := inTime()
	defer cancel()
	var read []wireRecord
	for len(read) < count {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read %d of %d records: %w", len(read), count, err)
		}
		fetches.EachRecord(func(record *kgo.Record) { read = append(read, fromRecord(record)) })
	}
	return read, nil
}

// member is a consumer polled by its own goroutine.
type member struct {
	consumer *kgo.Client
	lock     sync.Mutex
	seen     []string
	held     map[int32]bool
	done     chan struct{}
	once     sync.Once
}

var groupModes = []string{
	"group", "group-range", "group-roundrobin", "group-sticky", "group-cooperative-sticky", "group-consumer",
	"group-consumer-range",
}

// balancing is what a mode has beyond the client's defaults; with KIP-848 the balancer names the broker's assignor.
func balancing(mode string) []kgo.Opt {
	switch mode {
	case "group-range":
		return []kgo.Opt{kgo.Balancers(kgo.RangeBalancer())}
	case "group-roundrobin":
		return []kgo.Opt{kgo.Balancers(kgo.RoundRobinBalancer())}
	case "group-sticky":
		return []kgo.Opt{kgo.Balancers(kgo.StickyBalancer())}
	case "group-cooperative-sticky":
		return []kgo.Opt{kgo.Balancers(kgo.CooperativeStickyBalancer())}
	case "group-consumer":
		return []kgo.Opt{kgo.Balancers(kgo.StickyBalancer()), kgo.ServerSideBalancer()}
	case "group-consumer-range":
		return []kgo.Opt{kgo.Balancers(kgo.RangeBalancer()), kgo.ServerSideBalancer()}
	}
	return nil
}

func joinGroup(bootstrap, groupID, topic, mode string) *member {
	m := &member{held: map[int32]bool{}, done: make(chan struct{})}
	hold := func(held bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, changed map[string][]int32) {
			m.lock.Lock()
			defer m.lock.Unlock()
			for _, partition := range changed[topic] {
				m.held[partition] = held
			}
		}
	}
	consumer, err := kgo.NewClient(append(balancing(mode),
		kgo.SeedBrokers(bootstrap),
		kgo.ConsumerGroup(groupID),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.SessionTimeout(6*time.Second),
		kgo.HeartbeatInterval(300*time.Millisecond),
		kgo.FetchMaxWait(200*time.Millisecond),
		kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(hold(true)),
		kgo.OnPartitionsRevoked(hold(false)),
		kgo.OnPartitionsLost(hold(false)),
	)...)
	must(err)
	m.consumer = consumer
	go m.poll()
	return m
}

func (m *member) poll() {
	defer close(m.done)
	for {
		fetches := m.consumer.PollFetches(context.Background())
		if fetches.IsClientClosed() {
			return
		}
		m.lock.Lock()
		fetches.EachRecord(func(record *kgo.Record) {
			m.seen = append(m.seen, fmt.Sprintf("%d/%d", record.Partition, record.Offset))
		})
		m.lock.Unlock()
	}
}

func (m *member) assignment() []int32 {
	m.lock.Lock()
	defer m.lock.Unlock()
	held := []int32{}
	for partition, is := range m.held {
		if is {
			held = append(held, partition)
		}
	}
	sort.Slice(held, func(a, b int) bool { return held[a] < held[b] })
	return held
}

func (m *member) seenSoFar() []string {
	m.lock.Lock()
	defer m.lock.Unlock()
	return append([]string(nil), m.seen...)
}

func (m *member) commit() error {
	ctx, cancel := inTime()
	defer cancel()
	return m.consumer.CommitUncommittedOffsets(ctx)
}

func (m *member) close() {
	m.once.Do(func() {
		m.consumer.Close()
		<-m.done
	})
}

func toRecord(topic string, record wireRecord) *kgo.Record {
	made := &kgo.Record{
		Topic:     topic,
		Partition: record.Partition,
		Timestamp: time.UnixMilli(record.TimestampMs),
		Key:       decode(record.Key),
		Value:     decode(record.Value),
	}
	for _, header := range record.Headers {
		made.Headers = append(made.Headers, kgo.RecordHeader{Key: header[0], Value: decode(&header[1])})
	}
	return made
}

func fromRecord(record *kgo.Record) wireRecord {
	read := wireRecord{
		Partition:   record.Partition,
		offset:      record.Offset,
		TimestampMs: record.Timestamp.UnixMilli(),
		Key:         encode(record.Key),
		Value:       encode(record.Value),
	}
	for _, header := range record.Headers {
		read.Headers = append(read.Headers, []string{header.Key, *encode(header.Value)})
	}
	return read
}

func encode(data []byte) *string {
	if data == nil {
		return nil
	}
	encoded := base64.StdEncoding.EncodeToString(data)
	return &encoded
}

func decode(encoded *string) []byte {
	if encoded == nil {
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(*encoded)
	must(err)
	return data
}
