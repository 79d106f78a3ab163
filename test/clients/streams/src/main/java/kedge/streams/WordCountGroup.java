package kedge.streams;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.StreamsGroupDescription;
import org.apache.kafka.clients.admin.StreamsGroupMemberAssignment;
import org.apache.kafka.clients.admin.StreamsGroupMemberDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Word counts of a streams group: an instance joins a lone one, leaves, joins again and is killed; tasks must be spread and taken over, and
 * every word counted once. Arguments: bootstrap servers, prefix of all names, directory. Says what it saw, and ends with 1 on a problem.
 */
public final class WordCountGroup {
  private static final int PARTITIONS = 4;
  /** What reads the lines, and what counts the words. */
  private static final int TASKS = 2 * PARTITIONS;
  private static final int LINES = 400;
  private static final String[] WORDS = {"edge", "log", "broker", "stream", "task", "offset", "epoch"};
  private static final Duration PATIENCE = Duration.ofSeconds(120);

  private final String bootstrap;
  private final String prefix;
  private final Path directory;
  private final Admin admin;
  private final long startedAtMs = System.currentTimeMillis();
  private final Map<String, Long> expected = new TreeMap<>();
  private final List<Process> instances = new ArrayList<>();

  private WordCountGroup(String bootstrap, String prefix, Path directory) {
    this.bootstrap = bootstrap;
    this.prefix = prefix;
    this.directory = directory;
    this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
  }

  public static void main(String[] arguments) throws Exception {
    WordCountGroup group = new WordCountGroup(arguments[0], arguments[1], Path.of(arguments[2]));
    try {
      group.run();
    } finally {
      for (Process instance : group.instances) instance.destroyForcibly();
      group.admin.close(Duration.ofSeconds(5));
    }
  }

  private void run() throws Exception {
    admin.createTopics(List.of(new NewTopic(prefix + "lines", PARTITIONS, (short) 1), new NewTopic(prefix + "counts", PARTITIONS, (short) 1)))
        .all()
        .get();
    start("one");
    await("a lone instance has all tasks", isSpreadOver(1));
    produce();
    Process other = start("two");
    await("two instances share the tasks", isSpreadOver(2));
    produce();
    other.destroy();
    await("one leaves, and the other takes over", isSpreadOver(1));
    produce();
    other = start("two");
    await("two instances share the tasks again", isSpreadOver(2));
    produce();
    other.destroyForcibly();
    produce();
    await("one is killed, and the other takes over", isSpreadOver(1));
    produce();
    awaitCounts();
  }

  private Process start(String name) throws IOException {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    List<String> command = List.of(java, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", System.getProperty("java.class.path"),
        WordCount.class.getName(), bootstrap, prefix, directory.resolve("state-" + name).toString());
    File log = directory.resolve(name + ".log").toFile();
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    Process process = builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log)).start();
    instances.add(process);
    return process;
  }

  /** Stable, with so many members, each of which has its share and nothing else. */
  private static Predicate<StreamsGroupDescription> isSpreadOver(int members) {
    return group ->
        group.groupState() == GroupState.STABLE
            && group.members().size() == members
            && group.members().stream().allMatch(member -> hasShare(member, TASKS / members));
  }

  private static boolean hasShare(StreamsGroupMemberDescription member, int share) {
    return countOf(member.assignment()) == share && countOf(member.targetAssignment()) == share;
  }

  private static int countOf(StreamsGroupMemberAssignment assignment) {
    return assignment.activeTasks().stream().mapToInt(tasks -> tasks.partitions().size()).sum();
  }

  private void await(String what, Predicate<StreamsGroupDescription> isSo) throws Exception {
    String application = WordCount.applicationOf(prefix);
    String seen = "nothing";
    long deadlineMs = System.currentTimeMillis() + PATIENCE.toMillis();
    while (System.currentTimeMillis() < deadlineMs) {
      try {
        StreamsGroupDescription group =
            admin.describeStreamsGroups(List.of(application)).describedGroups().get(application).get();
        if (isSo.test(group)) {
          say(what);
          return;
        }
        // The group's own text fails without authorized operations.
        seen = group.groupState() + " " + group.members();
      } catch (java.util.concurrent.ExecutionException error) {
        seen = error.getCause().toString();
      }
      Thread.sleep(500);
    }
    throw new IllegalStateException("not seen: " + what + "; last: " + seen);
  }

  private void produce() {
    Properties config = new Properties();
    config.put("bootstrap.servers", bootstrap);
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
      for (int line = 0; line < LINES; line++) {
        String one = WORDS[line % WORDS.length];
        String two = WORDS[(line * line) % WORDS.length];
        producer.send(new ProducerRecord<>(prefix + "lines", "line" + line, one + " " + two));
        expected.merge(one, 1L, Long::sum);
        expected.merge(two, 1L, Long::sum);
      }
    }
  }

  /** Every count comes once and in its order: with exactly-once, a count that is repeated or left out is a fault. */
  private void awaitCounts() {
    Properties config = new Properties();
    config.put("bootstrap.servers", bootstrap);
    config.put("isolation.level", "read_committed");
    config.put("auto.offset.reset", "earliest");
    Map<String, Long> counts = new HashMap<>();
    try (KafkaConsumer<String, Long> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new LongDeserializer())) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (int partition = 0; partition < PARTITIONS; partition++) partitions.add(new TopicPartition(prefix + "counts", partition));
      consumer.assign(partitions);
      long deadlineMs = System.currentTimeMillis() + PATIENCE.toMillis();
      while (!counts.equals(expected)) {
        if (System.currentTimeMillis() > deadlineMs) throw new IllegalStateException("counts " + counts + ", not " + expected);
        for (ConsumerRecord<String, Long> record : consumer.poll(Duration.ofMillis(200))) {
          long before = counts.getOrDefault(record.key(), 0L);
          if (record.value() <= before) throw new IllegalStateException(record.key() + " is " + record.value() + " after " + before);
          counts.put(record.key(), record.value());
        }
      }
    }
    say("all words are counted: " + expected);
  }

  private void say(String line) {
    System.out.println((System.currentTimeMillis() - startedAtMs) + " ms  " + line);
    System.out.flush();
  }
}
