package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	shared         = 9
	mostDeliveries = 5
	quiet          = 1500 * time.Millisecond
)

// shareExplicit: accepted and rejected records never come again; released ones do, until they have come too often.
func (r *run) shareExplicit() error {
	topic := r.prefix + "-share-explicit"
	if err := r.createReady(topic, 1); err != nil {
		return err
	}
	if err := r.configureGroup(topic, "share.auto.offset.reset", "earliest"); err != nil {
		return err
	}
	var records []wireRecord
	for number := range shared {
		value := fmt.Sprintf("r%d", number)
		records = append(records, wireRecord{Value: encode([]byte(value)), TimestampMs: time.Now().UnixMilli()})
	}
	if err := r.client.produce(topic, records, "none", false); err != nil {
		return err
	}
	consumer, err := kgo.NewClient(
		kgo.SeedBrokers(r.client.bootstrap), kgo.ShareGroup(topic), kgo.ConsumeTopics(topic), kgo.FetchMaxWait(200*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer consumer.Close()
	answers := []kgo.AckStatus{kgo.AckAccept, kgo.AckRelease, kgo.AckReject}
	expected := map[string]int32{}
	for offset := range shared {
		for count := int32(1); count == 1 || (answers[offset%3] == kgo.AckRelease && count <= mostDeliveries); count++ {
			expected[fmt.Sprintf("r%d delivery %d", offset, count)] = 1
		}
	}
	seen := map[string]int32{}
	for deadline := time.Now().Add(settleTimeout); time.Now().Before(deadline); {
		patience := settleTimeout
		if len(seen) >= len(expected) {
			patience = quiet
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		fetches := consumer.PollFetches(ctx)
		cancel()
		if errors.Is(fetches.Err0(), context.DeadlineExceeded) {
			break
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(record *kgo.Record) {
			seen[fmt.Sprintf("%s delivery %d", record.Value, record.DeliveryCount())]++
			record.Ack(answers[record.Offset%3])
		})
		ctx, cancel = inTime()
		err := consumer.FlushAcks(ctx)
		cancel()
		if err != nil {
			return err
		}
	}
	return assertEqual(seen, expected, "how often each delivery came")
}

func (r *run) configureGroup(group, name, value string) error {
	ctx, cancel := inTime()
	defer cancel()
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value, config.Op = name, &value, kmsg.IncrementalAlterConfigOpSet
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	resource.Configs = append(resource.Configs, config)
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, resource)
	response, err := request.RequestWith(ctx, r.client.plain)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(response.Resources[0].ErrorCode)
}
