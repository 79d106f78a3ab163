package kedge.streams;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads whole topics with read_committed up to where their last stable offsets were at the start. Arguments: bootstrap, a file to write to, the
 * prefix of the application, "committed" or "aborted", topics. A line is topic, partition, offset, timestamp, key, value with tabs between; lines before that begin with
 * "#": the prefix's internal topics with their cleanup policy, and partitions in which a transaction is open; "aborted" adds how many records
 * read_uncommitted finds.
 */
public final class Reader {
  private static final Duration POLL = Duration.ofMillis(200);
  private static final long TIMEOUT_MS = 120_000;

  public static void main(String[] arguments) throws Exception {
    String bootstrap = arguments[0];
    String prefix = arguments[2];
    List<String> topics = List.of(arguments).subList(4, arguments.length);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
        PrintWriter out = new PrintWriter(Files.newBufferedWriter(Path.of(arguments[1])))) {
      List<String> internal = internalTopics(admin, prefix, out);
      List<TopicPartition> read = partitionsOf(admin, topics);
      List<TopicPartition> all = new ArrayList<>(read);
      all.addAll(partitionsOf(admin, internal));
      var stable = ends(admin, all, IsolationLevel.READ_COMMITTED);
      var written = ends(admin, all, IsolationLevel.READ_UNCOMMITTED);
      for (TopicPartition one : all) {
        if (!stable.get(one).equals(written.get(one))) {
          out.println("# open\t" + one + "\t" + stable.get(one) + "\t" + written.get(one));
        }
      }
      read(bootstrap, "read_committed", read, stable, record -> out.println(line(record)));
      if (arguments[3].equals("aborted")) {
        long[] count = {0};
        read(bootstrap, "read_uncommitted", read, written, record -> count[0]++);
        out.println("# written\t" + count[0]);
      }
    }
  }

  private static List<String> internalTopics(Admin admin, String prefix, PrintWriter out) throws Exception {
    List<String> names = new ArrayList<>();
    for (String name : new TreeSet<>(admin.listTopics().names().get())) {
      if (!name.startsWith(prefix + "app-")) continue;
      ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, name);
      String policy =
          admin.describeConfigs(List.of(resource)).all().get().get(resource).get("cleanup.policy").value();
      out.println("# internal\t" + name + "\t" + policy);
      names.add(name);
    }
    return names;
  }

  private static List<TopicPartition> partitionsOf(Admin admin, List<String> topics) throws Exception {
    return admin.describeTopics(topics).allTopicNames().get().values().stream()
        .flatMap(topic -> topic.partitions().stream().map(one -> new TopicPartition(topic.name(), one.partition())))
        .toList();
  }

  private static Map<TopicPartition, Long> ends(Admin admin, List<TopicPartition> partitions, IsolationLevel isolation)
      throws Exception {
    Map<TopicPartition, OffsetSpec> latest =
        partitions.stream().collect(Collectors.toMap(one -> one, one -> OffsetSpec.latest()));
    return admin.listOffsets(latest, new ListOffsetsOptions(isolation)).all().get().entrySet().stream()
        .collect(Collectors.toMap(Map.Entry::getKey, found -> found.getValue().offset()));
  }

  private static void read(
      String bootstrap,
      String isolation,
      List<TopicPartition> partitions,
      Map<TopicPartition, Long> ends,
      Consumer<ConsumerRecord<String, String>> hear) {
    Map<String, Object> config =
        Map.of("bootstrap.servers", bootstrap, "isolation.level", isolation, "auto.offset.reset", "earliest");
    try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      long deadline = System.currentTimeMillis() + TIMEOUT_MS;
      while (partitions.stream().anyMatch(one -> consumer.position(one) < ends.get(one))) {
        if (System.currentTimeMillis() > deadline) throw new AssertionError("not read to the end in time");
        consumer.poll(POLL).forEach(hear);
      }
    }
  }

  private static String line(ConsumerRecord<String, String> record) {
    return String.join(
        "\t",
        record.topic(),
        Integer.toString(record.partition()),
        Long.toString(record.offset()),
        Long.toString(record.timestamp()),
        record.key(),
        record.value());
  }
}
