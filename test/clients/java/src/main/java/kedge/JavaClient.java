package kedge;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** kafka-clients 4.4 with its defaults: idempotent producer, all five codecs, the classic group protocol. */
final class JavaClient implements AutoCloseable {
  private static final Duration READ_TIMEOUT = Duration.ofSeconds(30);

  private final String bootstrap;
  private final Admin admin;
  private KafkaProducer<byte[], byte[]> idempotentProducer;

  JavaClient(String bootstrap) {
    this.bootstrap = bootstrap;
    this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
  }

  void createTopic(String topic, int partitions, Map<String, String> configs) throws Exception {
    admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs))).all().get();
  }

  void deleteTopic(String topic) throws Exception {
    admin.deleteTopics(List.of(topic)).all().get();
  }

  Set<String> listTopics() throws Exception {
    return admin.listTopics().names().get();
  }

  /** The number of partitions, and of those that have a leader. */
  List<Integer> describeTopic(String topic) throws Exception {
    List<TopicPartitionInfo> partitions =
        admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions();
    int led = (int) partitions.stream().filter(partition -> partition.leader() != null).count();
    return List.of(partitions.size(), led);
  }

  String topicConfig(String topic, String name) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    return admin.describeConfigs(List.of(resource)).all().get().get(resource).get(name).value();
  }

  void alterTopicConfig(String topic, String name, String value) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    AlterConfigOp set = new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
    admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
  }

  void growTopic(String topic, int partitions) throws Exception {
    admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(partitions))).all().get();
  }

  List<Long> offsets(String topic, int partitions, String at, long timestampMs) throws Exception {
    OffsetSpec spec =
        switch (at) {
          case "earliest" -> OffsetSpec.earliest();
          case "latest" -> OffsetSpec.latest();
          default -> OffsetSpec.forTimestamp(timestampMs);
        };
    Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
    for (TopicPartition partition : all(topic, partitions)) asked.put(partition, spec);
    var found = admin.listOffsets(asked).all().get();
    return all(topic, partitions).stream().map(partition -> found.get(partition).offset()).toList();
  }

  void produce(String topic, List<WireRecord> records, String codec, boolean idempotent) throws Exception {
    if (idempotent) {
      if (idempotentProducer == null) idempotentProducer = producer(codec, true);
      send(idempotentProducer, topic, records);
      return;
    }
    try (KafkaProducer<byte[], byte[]> producer = producer(codec, false)) {
      send(producer, topic, records);
    }
  }

  private KafkaProducer<byte[], byte[]> producer(String codec, boolean idempotent) {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", bootstrap);
    config.put("compression.type", codec);
    config.put("enable.idempotence", idempotent);
    config.put("acks", "all");
    return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static void send(KafkaProducer<byte[], byte[]> producer, String topic, List<WireRecord> records) throws Exception {
    List<Future<RecordMetadata>> pending = new ArrayList<>();
    for (WireRecord record : records) {
      ProducerRecord<byte[], byte[]> sent =
          new ProducerRecord<>(topic, record.partition(), record.timestampMs(), record.key(), record.value());
      for (List<String> header : record.headers()) {
        sent.headers().add(header.get(0), Base64.getDecoder().decode(header.get(1)));
      }
      pending.add(producer.send(sent));
    }
    producer.flush();
    for (Future<RecordMetadata> one : pending) one.get();
  }

  List<WireRecord> read(String topic, int partitions, int count) {
    List<WireRecord> read = new ArrayList<>();
    Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest");
    try (var consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(all(topic, partitions));
      long deadline = System.nanoTime() + READ_TIMEOUT.toNanos();
      while (read.size() < count) {
        if (System.nanoTime() > deadline) throw new AssertionError("read " + read.size() + " of " + count + " records");
        for (var record : consumer.poll(Duration.ofMillis(100))) read.add(fromConsumed(record));
      }
    }
    return read;
  }

  private static WireRecord fromConsumed(ConsumerRecord<byte[], byte[]> record) {
    List<List<String>> headers = new ArrayList<>();
    for (Header header : record.headers()) {
      headers.add(List.of(header.key(), Base64.getEncoder().encodeToString(header.value())));
    }
    return new WireRecord(record.partition(), record.offset(), record.timestamp(), record.key(), record.value(), headers);
  }

  private static List<TopicPartition> all(String topic, int partitions) {
    return IntStream.range(0, partitions).mapToObj(partition -> new TopicPartition(topic, partition)).toList();
  }

  Member join(String groupId, String topic, Map<String, Object> more) {
    return new Member(bootstrap, groupId, topic, more);
  }

  @Override
  public void close() {
    if (idempotentProducer != null) idempotentProducer.close();
    admin.close();
  }

  /** A consumer polled by its own thread, which is the only one that may touch it. */
  static final class Member implements ConsumerRebalanceListener {
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final List<String> seen = new CopyOnWriteArrayList<>();
    private final Thread thread;
    private volatile List<Integer> held = List.of();
    private volatile boolean commitAsked;
    private volatile boolean closeAsked;
    private volatile Exception failure;

    private Member(String bootstrap, String groupId, String topic, Map<String, Object> more) {
      Map<String, Object> config = new HashMap<>(more);
      config.put("bootstrap.servers", bootstrap);
      config.put("group.id", groupId);
      config.put("fetch.max.wait.ms", 200);
      config.put("enable.auto.commit", false);
      config.put("auto.offset.reset", "earliest");
      boolean byExpression = config.remove(GroupModes.BY_EXPRESSION) != null;
      consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
      if (byExpression) consumer.subscribe(new SubscriptionPattern(Pattern.quote(topic) + ".*"), this);
      else consumer.subscribe(List.of(topic), this);
      thread = new Thread(this::poll);
      thread.start();
    }

    private void poll() {
      try {
        while (!closeAsked) {
          for (var record : consumer.poll(Duration.ofMillis(50))) seen.add(record.partition() + "/" + record.offset());
          if (commitAsked) consumer.commitSync();
          commitAsked = false;
        }
      } catch (Exception error) {
        failure = error;
        commitAsked = false;
      } finally {
        consumer.close();
      }
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> added) {
      held = consumer.assignment().stream().map(TopicPartition::partition).sorted().toList();
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
      List<Integer> gone = revoked.stream().map(TopicPartition::partition).toList();
      held = held.stream().filter(partition -> !gone.contains(partition)).toList();
    }

    List<Integer> assignment() {
      return held;
    }

    List<String> seen() {
      return seen;
    }

    void commit() throws Exception {
      commitAsked = true;
      while (commitAsked) Thread.sleep(10);
      if (failure != null) throw failure;
    }

    void close() throws Exception {
      closeAsked = true;
      thread.join();
      if (failure != null) throw failure;
    }
  }
}
