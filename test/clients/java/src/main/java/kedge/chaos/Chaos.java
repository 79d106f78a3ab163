package kedge.chaos;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** kafka-clients as the clients of a chaos run: {@code kedge.chaos.Chaos JOB}, see test/chaos/client-job.ts. */
public final class Chaos {
  private static final Duration PATIENCE = Duration.ofSeconds(3);
  /** Of who reads at the end: nothing fails any more, but the machine may be slow. */
  private static final Duration READ_PATIENCE = Duration.ofSeconds(60);
  private static final long PROBE_EVERY_MS = 500;
  private static final long READ_TIMEOUT_MS = 180_000;
  private static volatile boolean ending;

  private Chaos() {}

  public static void main(String[] args) throws Exception {
    Job job = Job.parse(args[0]);
    try (History history = new History(job.history())) {
      if (job.mode().equals("read")) readAll(job, history);
      else runClients(job, history);
    }
    System.exit(0);
  }

  private static void runClients(Job job, History history) throws Exception {
    List<ChaosProducer.How> ways = List.of(
        new ChaosProducer.How("java-idempotent-a", true, "all", true, true, Map.of("compression.type", "zstd", "linger.ms", 5)),
        new ChaosProducer.How("java-idempotent-b", true, "all", true, true, Map.of("linger.ms", 0, "batch.size", 400)),
        new ChaosProducer.How("java-plain", false, "all", true, true, Map.of("max.in.flight.requests.per.connection", 1)),
        new ChaosProducer.How("java-once", false, "1", false, true, Map.of("max.in.flight.requests.per.connection", 1)),
        new ChaosProducer.How("java-zero", false, "0", false, false, Map.of()));
    List<ChaosProducer> producers = new ArrayList<>();
    for (ChaosProducer.How how : ways) producers.add(new ChaosProducer(job, history, how, job.recordsPerSecond() / ways.size()));
    List<ChaosMember> members = new ArrayList<>();
    job.groups().forEach((group, count) -> {
      for (int index = 0; index < count; index++) members.add(new ChaosMember(job, history, group, index));
    });
    List<Thread> producing = start(producers);
    List<Thread> consuming = start(members);
    List<Thread> probing = start(List.of(() -> probe(job, history)));
    System.out.println("ready");
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line = in.readLine(); line != null && !line.equals("end"); line = in.readLine()) {
      producers.forEach(ChaosProducer::finish);
      for (Thread thread : producing) thread.join();
      System.out.println("finished");
    }
    ending = true;
    members.forEach(ChaosMember::end);
    for (Thread thread : consuming) thread.join(30_000);
    for (Thread thread : probing) thread.join(30_000);
  }

  private static List<Thread> start(List<? extends Runnable> works) {
    List<Thread> threads = works.stream().map(Thread::new).toList();
    threads.forEach(Thread::start);
    return threads;
  }

  /** Asks again and again where the log ends and what the groups have committed, from beside. */
  private static void probe(Job job, History history) {
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(job.consumerConfig("java-probe"));
        Admin admin = Admin.create(job.config("java-probe"))) {
      while (!ending) {
        try {
          askOffsets(job, history, consumer, PATIENCE);
          askCommitted(job, history, admin);
          Thread.sleep(PROBE_EVERY_MS);
        } catch (Exception error) {
          // It was not told.
        }
      }
    }
  }

  private static Map<TopicPartition, Long> askOffsets(Job job, History history, KafkaConsumer<byte[], byte[]> consumer, Duration patience) {
    long invokedMs = System.currentTimeMillis();
    Map<TopicPartition, Long> ends = consumer.endOffsets(job.all(), patience);
    Map<TopicPartition, Long> starts = consumer.beginningOffsets(job.all(), patience);
    long completedMs = System.currentTimeMillis();
    for (TopicPartition one : job.all()) {
      ObjectNode event = History.at(History.event("offsets", "java-probe", invokedMs, completedMs), one);
      history.add(event.deepCopy().put("which", "latest").put("offset", ends.get(one)));
      history.add(event.put("which", "earliest").put("offset", starts.get(one)));
    }
    return ends;
  }

  private static void askCommitted(Job job, History history, Admin admin) throws Exception {
    for (String group : job.groups().keySet()) {
      long invokedMs = System.currentTimeMillis();
      var committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
      long completedMs = System.currentTimeMillis();
      for (TopicPartition one : job.all()) {
        var offset = committed.get(one);
        ObjectNode event = History.at(History.event("committed", "java-probe", invokedMs, completedMs), one);
        history.add(event.put("group", group).put("offset", offset == null ? -1 : offset.offset()));
      }
    }
  }

  /** Reads the whole topic from its start to the end that the broker names, and asks what the groups have committed. */
  private static void readAll(Job job, History history) throws Exception {
    Map<String, Object> config = job.consumerConfig("java-reader");
    config.put("default.api.timeout.ms", (int) READ_PATIENCE.toMillis());
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(config);
        Admin admin = Admin.create(job.config("java-reader"))) {
      long invokedMs = System.currentTimeMillis();
      Map<TopicPartition, Long> ends = askOffsets(job, history, consumer, READ_PATIENCE);
      askCommitted(job, history, admin);
      consumer.assign(job.all());
      consumer.seekToBeginning(job.all());
      Map<TopicPartition, Long> next = new HashMap<>();
      long deadlineMs = invokedMs + READ_TIMEOUT_MS;
      while (!job.all().stream().allMatch(one -> next.getOrDefault(one, 0L) >= ends.get(one))) {
        if (System.currentTimeMillis() > deadlineMs) throw new KafkaException("read " + next + " of " + ends);
        ConsumerRecords<byte[], byte[]> records = consumer.poll(PATIENCE);
        for (TopicPartition one : records.partitions()) {
          List<ConsumerRecord<byte[], byte[]>> read = records.records(one);
          ObjectNode event = History.fetch("java-reader", null, one, next.getOrDefault(one, 0L), ends.get(one), read);
          history.add(event.put("invokedMs", invokedMs));
          next.put(one, read.get(read.size() - 1).offset() + 1);
        }
      }
    }
  }
}
