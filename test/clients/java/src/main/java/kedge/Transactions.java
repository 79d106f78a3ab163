package kedge;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Transactions of kafka-clients 4.4, which speak V2 (KIP-890) where the cluster's features say so. */
final class Transactions {
  private static final int PARTITIONS = 3;
  private static final int COPIED = 60;
  private static final Duration POLL = Duration.ofMillis(100);
  private static final long READ_TIMEOUT_MS = 30_000;

  private final String bootstrap;
  private final String topic;

  Transactions(String bootstrap, String topic) {
    this.bootstrap = bootstrap;
    this.topic = topic;
  }

  /** Commit, abort, offsets within a transaction, fencing. */
  void commitAbortAndFence() throws Exception {
    create(topic);
    TopicPartition consumed = new TopicPartition(topic, 0);
    try (KafkaProducer<String, String> producer = producer(); KafkaProducer<String, String> successor = producer()) {
      producer.initTransactions();
      producer.beginTransaction();
      send(producer, topic, "a0", "a1", "a2");
      producer.commitTransaction();
      producer.beginTransaction();
      send(producer, topic, "b0", "b1", "b2");
      producer.sendOffsetsToTransaction(Map.of(consumed, new OffsetAndMetadata(9)), new ConsumerGroupMetadata(topic));
      // An abort takes back what the client hasn't sent yet; this is to be written, and aborted then.
      producer.flush();
      producer.abortTransaction();
      producer.beginTransaction();
      send(producer, topic, "c0");
      producer.sendOffsetsToTransaction(Map.of(consumed, new OffsetAndMetadata(7)), new ConsumerGroupMetadata(topic));
      producer.commitTransaction();
      assertEqual(committedOffset(consumed), 7L, "the committed offset");
      producer.beginTransaction();
      send(producer, topic, "zombie");
      producer.flush();
      successor.initTransactions();
      successor.beginTransaction();
      send(successor, topic, "d0");
      successor.commitTransaction();
      assertFenced(producer);
    }
    List<String> committed = List.of("a0", "a1", "a2", "c0", "d0");
    assertEqual(read(topic, "read_committed", committed.size()), committed, "what is committed");
    List<String> all = List.of("a0", "a1", "a2", "b0", "b1", "b2", "c0", "d0", "zombie");
    assertEqual(read(topic, "read_uncommitted", all.size()), all, "what was written");
  }

  /** A consumer's records are copied in transactions, of which every third is aborted and done again. */
  void copyInTransactions() throws Exception {
    String from = topic + "-from";
    String to = topic + "-to";
    create(from);
    create(to);
    Map<String, Object> plain = Map.of("bootstrap.servers", bootstrap);
    try (var producer = new KafkaProducer<>(plain, new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < COPIED; i++) producer.send(new ProducerRecord<>(from, i % PARTITIONS, null, "r" + (100 + i)));
    }
    try (KafkaProducer<String, String> producer = producer(); var consumer = consumer("read_committed", from, 7)) {
      consumer.subscribe(Set.of(from));
      producer.initTransactions();
      Map<TopicPartition, OffsetAndMetadata> done = new HashMap<>();
      for (int copied = 0, round = 0; copied < COPIED; ) {
        List<ConsumerRecord<String, String>> batch = new ArrayList<>();
        consumer.poll(POLL).forEach(batch::add);
        if (batch.isEmpty()) continue;
        producer.beginTransaction();
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (ConsumerRecord<String, String> record : batch) {
          producer.send(new ProducerRecord<>(to, record.partition(), null, record.value()));
          offsets.put(new TopicPartition(from, record.partition()), new OffsetAndMetadata(record.offset() + 1));
        }
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        if (++round % 3 == 0) {
          producer.abortTransaction();
          for (TopicPartition partition : offsets.keySet()) {
            OffsetAndMetadata before = done.get(partition);
            consumer.seek(partition, before == null ? 0 : before.offset());
          }
        } else {
          producer.commitTransaction();
          done.putAll(offsets);
          copied += batch.size();
        }
      }
    }
    List<String> expected = IntStream.range(100, 100 + COPIED).mapToObj(i -> "r" + i).toList();
    assertEqual(read(to, "read_committed", COPIED), expected, "the copies");
  }

  private void create(String name) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(List.of(new NewTopic(name, PARTITIONS, (short) 1))).all().get();
    }
  }

  private KafkaProducer<String, String> producer() {
    Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "transactional.id", topic);
    return new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
  }

  /** To partitions 0, 1 and 2. */
  private static void send(KafkaProducer<String, String> producer, String topic, String... values) {
    for (int i = 0; i < values.length; i++) producer.send(new ProducerRecord<>(topic, i, null, values[i]));
  }

  private static void assertFenced(KafkaProducer<String, String> producer) {
    try {
      producer.commitTransaction();
    } catch (ProducerFencedException | InvalidProducerEpochException expected) {
      return;
    } catch (KafkaException error) {
      if (error.getCause() instanceof ProducerFencedException) return;
      if (error.getCause() instanceof InvalidProducerEpochException) return;
      throw error;
    }
    throw new AssertionError("a producer commits that was fenced");
  }

  private long committedOffset(TopicPartition partition) {
    try (var consumer = consumer("read_committed", topic, 500)) {
      return consumer.committed(Set.of(partition)).get(partition).offset();
    }
  }

  private KafkaConsumer<String, String> consumer(String isolation, String groupId, int maxPollRecords) {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", bootstrap);
    config.put("group.id", groupId);
    config.put("isolation.level", isolation);
    config.put("auto.offset.reset", "earliest");
    config.put("enable.auto.commit", false);
    config.put("max.poll.records", maxPollRecords);
    return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
  }

  /** Until so many values came and no more come, sorted. */
  private List<String> read(String name, String isolation, int count) {
    List<String> values = new ArrayList<>();
    try (var consumer = consumer(isolation, name + "-" + isolation, 500)) {
      consumer.assign(IntStream.range(0, PARTITIONS).mapToObj(partition -> new TopicPartition(name, partition)).toList());
      long deadline = System.currentTimeMillis() + READ_TIMEOUT_MS;
      while (values.size() < count) {
        if (System.currentTimeMillis() > deadline) throw new AssertionError("read " + values + " of " + count);
        consumer.poll(POLL).forEach(record -> values.add(record.value()));
      }
      for (int i = 0; i < 3; i++) consumer.poll(POLL).forEach(record -> values.add(record.value()));
    }
    return values.stream().sorted().toList();
  }

  private static void assertEqual(Object actual, Object expected, String what) {
    if (!actual.equals(expected)) throw new AssertionError(what + ": got " + actual + ", expected " + expected);
  }
}
