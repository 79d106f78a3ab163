package kedge;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** The scenarios of test/clients/README.md for Apache Kafka's own Java client. */
public final class Scenarios {
  private static final int PARTITIONS = 3;
  private static final int GROUP_PARTITIONS = 4;
  private static final long SETTLE_TIMEOUT_MS = 30_000;
  private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
  private static final ObjectMapper JSON = new ObjectMapper();

  private final JavaClient client;
  private final String prefix;
  private final List<WireRecord> records;

  private Scenarios(JavaClient client, String prefix, List<WireRecord> records) {
    this.client = client;
    this.prefix = prefix;
    this.records = records;
  }

  interface Work {
    void run() throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    List<WireRecord> records = new ArrayList<>();
    for (JsonNode node : JSON.readTree(new File(System.getenv("RECORDS")))) records.add(WireRecord.of(node));
    try (JavaClient client = new JavaClient(System.getenv("BOOTSTRAP"))) {
      Scenarios scenarios = new Scenarios(client, System.getenv("PREFIX"), records);
      if (arguments[0].equals("own")) scenarios.own();
      else scenarios.interop(System.getenv("TOPICS"));
    }
  }

  private void own() {
    for (String codec : CODECS) report("codec-" + codec, () -> codecRoundTrip(codec));
    report("idempotent", this::idempotent);
    report("offsets", this::offsets);
    report("group", () -> group("group"));
    for (String scenario : GroupModes.SCENARIOS) report(scenario, () -> group(scenario));
    report("admin", this::admin);
    Transactions transactions = new Transactions(System.getenv("BOOTSTRAP"), prefix + "-transactions");
    report("transactions", transactions::commitAbortAndFence);
    report("copy-in-transactions", transactions::copyInTransactions);
    new ShareScenarios(System.getenv("BOOTSTRAP"), prefix).all().forEach(Scenarios::report);
  }

  private void interop(String topics) {
    for (String topic : topics.split(",")) {
      if (!topic.isEmpty()) report(topic, () -> assertSame(client.read(topic, PARTITIONS, records.size()), records));
    }
  }

  private static void report(String scenario, Work work) {
    String only = System.getenv("ONLY");
    if (only != null && !only.equals(scenario)) return;
    long startedAt = System.nanoTime();
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("scenario", scenario);
    try {
      work.run();
      line.put("ok", true);
    } catch (Exception | AssertionError error) {
      StringWriter trace = new StringWriter();
      error.printStackTrace(new PrintWriter(trace));
      line.put("ok", false);
      line.put("error", trace.toString());
    }
    line.put("ms", (System.nanoTime() - startedAt) / 1_000_000);
    System.out.println(JSON.valueToTree(line).toString());
  }

  private void codecRoundTrip(String codec) throws Exception {
    String topic = prefix + "-codec-" + codec;
    createReady(topic, PARTITIONS);
    client.produce(topic, records, codec, false);
    assertSame(client.read(topic, PARTITIONS, records.size()), records);
  }

  private void idempotent() throws Exception {
    String topic = prefix + "-idempotent";
    createReady(topic, PARTITIONS);
    for (int from = 0; from < records.size(); from += 12) {
      client.produce(topic, records.subList(from, from + 12), "none", true);
    }
    assertSame(client.read(topic, PARTITIONS, records.size()), records);
  }

  private void offsets() throws Exception {
    String topic = prefix + "-offsets";
    createReady(topic, PARTITIONS);
    client.produce(topic, records, "gzip", false);
    long perPartition = records.size() / PARTITIONS;
    assertEqual(client.offsets(topic, PARTITIONS, "earliest", 0), Collections.nCopies(PARTITIONS, 0L), "start");
    assertEqual(client.offsets(topic, PARTITIONS, "latest", 0), Collections.nCopies(PARTITIONS, perPartition), "end");
    long at = records.get(100).timestampMs();
    List<Long> expected = new ArrayList<>();
    for (int partition = 0; partition < PARTITIONS; partition++) {
      int wanted = partition;
      List<WireRecord> own = records.stream().filter(record -> record.partition() == wanted).toList();
      long first = IntStream.range(0, own.size()).filter(index -> own.get(index).timestampMs() >= at).findFirst().orElseThrow();
      expected.add(first);
    }
    assertEqual(client.offsets(topic, PARTITIONS, "timestamp", at), expected, "by timestamp");
  }

  /** Members of one way or another share a topic; {@link GroupModes} says which way each of them takes. */
  private void group(String scenario) throws Exception {
    String topic = prefix + "-" + scenario;
    List<Integer> every = IntStream.range(0, GROUP_PARTITIONS).boxed().toList();
    createReady(topic, GROUP_PARTITIONS);
    produceNumbered(topic, 0, 80);
    List<JavaClient.Member> members = new ArrayList<>();
    try {
      JavaClient.Member first = join(members, topic, scenario);
      settle(() -> assertEqual(first.assignment(), every, "a lone member holds every partition"));
      settle(() -> assertSaw(80, first));
      first.commit();
      JavaClient.Member second = join(members, topic, scenario);
      settle(() -> assertShared(first, second, every));
      produceNumbered(topic, 80, 80);
      settle(() -> assertSaw(160, first, second));
      first.commit();
      second.commit();
      first.close();
      settle(() -> assertEqual(second.assignment(), every, "the member that stays takes over"));
      produceNumbered(topic, 160, 80);
      settle(() -> assertSaw(240, first, second));
      second.commit();
      second.close();
      JavaClient.Member third = join(members, topic, scenario);
      produceNumbered(topic, 240, 40);
      settle(() -> assertEqual(third.seen().stream().sorted().toList(), expectedSeen(240, 40), "a later member resumes"));
    } finally {
      for (JavaClient.Member member : members) member.close();
    }
  }

  private JavaClient.Member join(List<JavaClient.Member> members, String topic, String scenario) {
    JavaClient.Member member = client.join(topic, topic, GroupModes.configOf(scenario, members.size()));
    members.add(member);
    return member;
  }

  private static void assertShared(JavaClient.Member first, JavaClient.Member second, List<Integer> every) {
    List<Integer> both = new ArrayList<>(first.assignment());
    both.addAll(second.assignment());
    Collections.sort(both);
    assertEqual(both, every, "two members cover every partition once");
    assertEqual(List.of(first.assignment().size(), second.assignment().size()), List.of(2, 2), "two members share evenly");
  }

  private static void assertSaw(int count, JavaClient.Member... members) {
    List<String> seen = Arrays.stream(members).flatMap(member -> member.seen().stream()).sorted().toList();
    assertEqual(seen, expectedSeen(0, count), "what " + members.length + " member(s) read of " + count);
  }

  private void admin() throws Exception {
    String topic = prefix + "-admin";
    client.createTopic(topic, 2, Map.of("retention.ms", "1234567"));
    settle(() -> assertEqual(client.listTopics().contains(topic), true, "a new topic is listed"));
    settle(() -> assertEqual(client.describeTopic(topic), List.of(2, 2), "a new topic's partitions and leaders"));
    assertEqual(client.topicConfig(topic, "retention.ms"), "1234567", "a config given at creation");
    assertEqual(client.topicConfig(topic, "cleanup.policy"), "delete", "a config left at its default");
    client.alterTopicConfig(topic, "retention.ms", "7654321");
    settle(() -> assertEqual(client.topicConfig(topic, "retention.ms"), "7654321", "an altered config"));
    client.growTopic(topic, 5);
    settle(() -> assertEqual(client.describeTopic(topic), List.of(5, 5), "partitions and leaders after growing"));
    client.deleteTopic(topic);
    settle(() -> assertEqual(client.listTopics().contains(topic), false, "a deleted topic is gone"));
  }

  /** Kafka answers CreateTopics before the broker leads every new partition; ListOffsets tells when it does. */
  private void createReady(String topic, int partitions) throws Exception {
    client.createTopic(topic, partitions, Map.of());
    List<Long> zeros = Collections.nCopies(partitions, 0L);
    settle(() -> assertEqual(client.offsets(topic, partitions, "latest", 0), zeros, "end offsets of a new topic"));
  }

  private void produceNumbered(String topic, int from, int count) throws Exception {
    List<WireRecord> numbered = new ArrayList<>();
    for (int number = from; number < from + count; number++) {
      byte[] key = ("k" + number).getBytes();
      byte[] value = ("v" + number).getBytes();
      numbered.add(new WireRecord(number % GROUP_PARTITIONS, -1, System.currentTimeMillis(), key, value, List.of()));
    }
    client.produce(topic, numbered, "none", false);
  }

  private static List<String> expectedSeen(int from, int count) {
    return IntStream.range(from, from + count)
        .mapToObj(number -> number % GROUP_PARTITIONS + "/" + number / GROUP_PARTITIONS)
        .sorted()
        .toList();
  }

  /** Repeats a check until it holds; at the deadline the check's own error tells what differed. */
  static void settle(Work check) throws Exception {
    long deadline = System.currentTimeMillis() + SETTLE_TIMEOUT_MS;
    while (true) {
      try {
        check.run();
        return;
      } catch (Exception | AssertionError error) {
        if (System.currentTimeMillis() > deadline) throw error;
        Thread.sleep(50);
      }
    }
  }

  /** Every partition holds its records in order from offset 0, byte for byte. */
  private static void assertSame(List<WireRecord> read, List<WireRecord> written) {
    Map<Integer, List<WireRecord>> expected = written.stream().collect(Collectors.groupingBy(WireRecord::partition));
    Map<Integer, List<WireRecord>> actual = read.stream().collect(Collectors.groupingBy(WireRecord::partition));
    for (int partition = 0; partition < PARTITIONS; partition++) {
      List<WireRecord> sorted = new ArrayList<>(actual.getOrDefault(partition, List.of()));
      sorted.sort(Comparator.comparingLong(WireRecord::offset));
      List<WireRecord> wanted = expected.get(partition);
      for (int offset = 0; offset < Math.min(wanted.size(), sorted.size()); offset++) {
        String what = "partition " + partition + ", offset " + offset;
        assertEqual(sorted.get(offset).text(), wanted.get(offset).at(offset).text(), what);
      }
      assertEqual(sorted.size(), wanted.size(), "records of partition " + partition);
    }
  }

  static void assertEqual(Object actual, Object expected, String what) {
    if (!actual.equals(expected)) throw new AssertionError(what + ": got " + actual + ", expected " + expected);
  }
}
