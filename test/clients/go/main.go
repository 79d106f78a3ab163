// Runs the scenarios of test/clients/README.md with franz-go: `main own|interop`.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
	"time"
)

const (
	partitionCount      = 3
	groupPartitionCount = 4
	settleTimeout       = 30 * time.Second
)

// wireRecord is one record of records.json; offset is set when it was read from a broker.
type wireRecord struct {
	Partition   int32      `json:"partition"`
	TimestampMs int64      `json:"timestampMs"`
	Key         *string    `json:"key"`
	Value       *string    `json:"value"`
	Headers     [][]string `json:"headers"`
	offset      int64
}

type run struct {
	client  *client
	prefix  string
	records []wireRecord
}

func main() {
	text, err := os.ReadFile(os.Getenv("RECORDS"))
	must(err)
	var records []wireRecord
	must(json.Unmarshal(text, &records))
	r := &run{newClient(os.Getenv("BOOTSTRAP")), os.Getenv("PREFIX"), records}
	defer r.client.close()
	if os.Args[1] == "interop" {
		for _, topic := range strings.Split(os.Getenv("TOPICS"), ",") {
			if topic != "" {
				report(topic, func() error { return r.readBack(topic) })
			}
		}
		return
	}
	for _, codec := range codecNames {
		report("codec-"+codec, func() error { return r.codecRoundTrip(codec) })
	}
	report("idempotent", r.idempotent)
	report("offsets", r.offsets)
	for _, mode := range groupModes {
		report(mode, func() error { return r.group(mode) })
	}
	report("admin", r.admin)
	report("transactions", r.transactions)
	report("copy-in-transactions", r.copyInTransactions)
	report("share-explicit", r.shareExplicit)
}

func report(scenario string, work func() error) {
	if only := os.Getenv("ONLY"); only != "" && only != scenario {
		return
	}
	startedAt := time.Now()
	err := work()
	line := map[string]any{"scenario": scenario, "ok": err == nil, "ms": time.Since(startedAt).Milliseconds()}
	if err != nil {
		line["error"] = err.Error()
	}
	text, err := json.Marshal(line)
	must(err)
	fmt.Println(string(text))
}

func (r *run) codecRoundTrip(codec string) error {
	topic := r.prefix + "-codec-" + codec
	if err := r.createReady(topic, partitionCount); err != nil {
		return err
	}
	if err := r.client.produce(topic, r.records, codec, false); err != nil {
		return err
	}
	return r.readBack(topic)
}

func (r *run) idempotent() error {
	topic := r.prefix + "-idempotent"
	if err := r.createReady(topic, partitionCount); err != nil {
		return err
	}
	for from := 0; from < len(r.records); from += 12 {
		if err := r.client.produce(topic, r.records[from:from+12], "none", true); err != nil {
			return err
		}
	}
	return r.readBack(topic)
}

func (r *run) offsets() error {
	topic := r.prefix + "-offsets"
	if err := r.createReady(topic, partitionCount); err != nil {
		return err
	}
	if err := r.client.produce(topic, r.records, "gzip", false); err != nil {
		return err
	}
	perPartition := int64(len(r.records) / partitionCount)
	at := r.records[100].TimestampMs
	byTime := make([]int64, partitionCount)
	for partition := range byTime {
		for _, record := range r.records {
			if int(record.Partition) == partition && record.TimestampMs < at {
				byTime[partition]++
			}
		}
	}
	for _, one := range []struct {
		at       int64
		expected []int64
	}{{atEarliest, make([]int64, partitionCount)}, {atLatest, repeat(perPartition, partitionCount)}, {at, byTime}} {
		if err := r.assertOffsets(topic, one.at, one.expected); err != nil {
			return err
		}
	}
	return nil
}

// group shares a topic among members; the mode names their balancer, "group" alone takes the client's default.
func (r *run) group(mode string) error {
	topic := r.prefix + "-" + mode
	if err := r.createReady(topic, groupPartitionCount); err != nil {
		return err
	}
	every := []int32{0, 1, 2, 3}
	var members []*member
	defer func() {
		for _, one := range members {
			one.close()
		}
	}()
	join := func() *member {
		members = append(members, joinGroup(r.client.bootstrap, topic, topic, mode))
		return members[len(members)-1]
	}
	var first, second, third *member
	holdsAll := func(one **member) func() error {
		return func() error { return assertEqual((*one).assignment(), every, "one member holds every partition") }
	}
	saw := func(from, count int, readers ...**member) func() error {
		return func() error {
			var seen []string
			for _, reader := range readers {
				seen = append(seen, (*reader).seenSoFar()...)
			}
			sort.Strings(seen)
			return assertEqual(seen, expectedSeen(from, count), fmt.Sprintf("what %d member(s) read of %d", len(readers), count))
		}
	}
	shared := func() error {
		both := append(first.assignment(), second.assignment()...)
		sort.Slice(both, func(a, b int) bool { return both[a] < both[b] })
		if err := assertEqual(both, every, "two members cover every partition once"); err != nil {
			return err
		}
		return assertEqual(len(first.assignment()), 2, "two members share evenly")
	}
	steps := []func() error{
		func() error { return r.produceNumbered(topic, 0, 80) },
		func() error { first = join(); return nil },
		func() error { return settle(holdsAll(&first)) },
		func() error { return settle(saw(0, 80, &first)) },
		func() error { return first.commit() },
		func() error { second = join(); return nil },
		func() error { return settle(shared) },
		func() error { return r.produceNumbered(topic, 80, 80) },
		func() error { return settle(saw(0, 160, &first, &second)) },
		func() error { return first.commit() },
		func() error { return second.commit() },
		func() error { first.close(); return nil },
		func() error { return settle(holdsAll(&second)) },
		func() error { return r.produceNumbered(topic, 160, 80) },
		func() error { return settle(saw(0, 240, &first, &second)) },
		func() error { return second.commit() },
		func() error { second.close(); return nil },
		func() error { third = join(); return nil },
		func() error { return r.produceNumbered(topic, 240, 40) },
		func() error { return settle(saw(240, 40, &third)) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) admin() error {
	topic := r.prefix + "-admin"
	if err := r.client.createTopic(topic, 2, map[string]*string{"retention.ms": text("1234567")}); err != nil {
		return err
	}
	shape := func(partitions int) func() error {
		return func() error {
			count, led, err := r.client.describeTopic(topic)
			if err != nil {
				return err
			}
			return assertEqual([]int{count, led}, []int{partitions, partitions}, "partitions and leaders")
		}
	}
	config := func(name, expected string) func() error {
		return func() error {
			value, err := r.client.topicConfig(topic, name)
			if err != nil {
				return err
			}
			return assertEqual(value, expected, name)
		}
	}
	gone := func() error {
		listed, err := r.client.isListed(topic)
		if err != nil {
			return err
		}
		return assertEqual(listed, false, "a deleted topic is listed")
	}
	steps := []func() error{
		func() error { return settle(shape(2)) },
		config("retention.ms", "1234567"),
		config("cleanup.policy", "delete"),
		func() error { return r.client.growTopic(topic, 5) },
		func() error { return settle(shape(5)) },
		func() error { return r.client.deleteTopic(topic) },
		func() error { return settle(gone) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// createReady waits, because Kafka answers CreateTopics before the broker leads every new partition; ListOffsets tells when it does.
func (r *run) createReady(topic string, partitions int32) error {
	if err := r.client.createTopic(topic, partitions, nil); err != nil {
		return err
	}
	return settle(func() error { return r.assertOffsets(topic, atLatest, make([]int64, partitions)) })
}

func (r *run) assertOffsets(topic string, at int64, expected []int64) error {
	found, err := r.client.offsets(topic, at)
	if err != nil {
		return err
	}
	return assertEqual(found, expected, fmt.Sprintf("offsets at %d", at))
}

func (r *run) produceNumbered(topic string, from, count int) error {
	var records []wireRecord
	for number := from; number < from+count; number++ {
		key := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "k%d", number))
		value := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "v%d", number))
		records = append(records, wireRecord{int32(number % groupPartitionCount), time.Now().UnixMilli(), &key, &value, nil, 0})
	}
	return r.client.produce(topic, records, "none", false)
}

func expectedSeen(from, count int) []string {
	var seen []string
	for number := from; number < from+count; number++ {
		seen = append(seen, fmt.Sprintf("%d/%d", number%groupPartitionCount, number/groupPartitionCount))
	}
	sort.Strings(seen)
	return seen
}

// readBack asserts that every partition holds its records in order from offset 0, byte for byte.
func (r *run) readBack(topic string) error {
	read, err := r.client.read(topic, len(r.records))
	if err != nil {
		return err
	}
	for partition := int32(0); partition < partitionCount; partition++ {
		expected := ofPartition(r.records, partition)
		actual := ofPartition(read, partition)
		sort.Slice(actual, func(a, b int) bool { return actual[a].offset < actual[b].offset })
		for offset := range min(len(expected), len(actual)) {
			expected[offset].offset = int64(offset)
			what := fmt.Sprintf("partition %d, offset %d", partition, offset)
			if err := assertEqual(actual[offset].text(), expected[offset].text(), what); err != nil {
				return err
			}
		}
		if err := assertEqual(len(actual), len(expected), fmt.Sprintf("records of partition %d", partition)); err != nil {
			return err
		}
	}
	return nil
}

func ofPartition(records []wireRecord, partition int32) []wireRecord {
	var own []wireRecord
	for _, record := range records {
		if record.Partition == partition {
			own = append(own, record)
		}
	}
	return own
}

func (w wireRecord) text() string {
	headers := "" // An absent and an empty list of headers are the same on the wire.
	for _, header := range w.Headers {
		headers += header[0] + "=" + header[1] + ";"
	}
	return fmt.Sprintf("%d/%d %d %s %s %s", w.Partition, w.offset, w.TimestampMs, orNull(w.Key), orNull(w.Value), headers)
}

func orNull(text *string) string {
	if text == nil {
		return "null"
	}
	return "'" + *text + "'"
}

// settle repeats a check until it holds; at the deadline the check's own error tells what differed.
func settle(check func() error) error {
	deadline := time.Now().Add(settleTimeout)
	for {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func assertEqual(actual, expected any, what string) error {
	if reflect.DeepEqual(actual, expected) {
		return nil
	}
	return fmt.Errorf("%s: got %v, expected %v", what, actual, expected)
}

func repeat(value int64, count int) []int64 {
	values := make([]int64, count)
	for index := range values {
		values[index] = value
	}
	return values
}

func text(value string) *string { return &value }

func must(err error) {
	if err != nil {
		panic(err)
	}
}
