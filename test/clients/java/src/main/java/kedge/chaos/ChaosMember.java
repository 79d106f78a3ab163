package kedge.chaos;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.CloseOptions.GroupMembershipOperation;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** One place in a group: a member that at times leaves, vanishes or hangs, and its successors. */
final class ChaosMember implements Runnable {
  private static final Duration POLL = Duration.ofMillis(200);
  private static final Duration PATIENCE = Duration.ofSeconds(3);
  private static final long COMMIT_EVERY_MS = 700;
  /** A commit that took so long may have been sent twice. */
  private static final long SENT_ONCE_MS = 90;

  private final Job job;
  private final History history;
  private final String group;
  private final String place;
  private final Random random;
  private volatile boolean ending;

  private KafkaConsumer<byte[], byte[]> consumer;
  private String client;
  private final Map<TopicPartition, Long> next = new HashMap<>();
  /** Commits of a cooperative member. It may have joined the next generation meanwhile, and hears of it with its next poll only. */
  private final List<ObjectNode> committed = new ArrayList<>();
  /** It sent its JoinGroup after this. */
  private long lastCallbackMs;

  ChaosMember(Job job, History history, String group, int index) {
    this.job = job;
    this.history = history;
    this.group = group;
    this.place = "java-" + group + "-" + index;
    this.random = new Random(job.seed() + place.hashCode());
  }

  void end() {
    ending = true;
  }

  @Override
  public void run() {
    for (int life = 0; !ending; life++) {
      client = place + "-" + life;
      try {
        live();
      } catch (KafkaException error) {
        System.err.println(client + ": " + error);
      }
    }
  }

  private void live() {
    Map<String, Object> config = job.consumerConfig(client);
    config.put("group.id", group);
    config.put("session.timeout.ms", 6000);
    config.put("heartbeat.interval.ms", 1500);
    config.put("max.poll.interval.ms", 10_000);
    config.put("max.poll.records", 200);
    String range = "org.apache.kafka.clients.consumer.RangeAssignor";
    String sticky = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
    config.put("partition.assignment.strategy", group.endsWith("sticky") ? sticky : range);
    consumer = new KafkaConsumer<>(config);
    next.clear();
    lastCallbackMs = now();
    long endMs = job.memberLivesMs() == 0 ? Long.MAX_VALUE : now() + (long) (job.memberLivesMs() * (0.5 + random.nextDouble()));
    boolean hangs = random.nextDouble() < 0.3;
    boolean vanishes = random.nextDouble() < 0.3;
    try {
      consumer.subscribe(List.of(job.topic()), new Listener());
      poll(endMs);
      if (hangs && !ending) {
        sleep(12_000);
        poll(now() + 5_000);
      }
    } finally {
      tellCommitted(consumer.groupMetadata().generationId());
      GroupMembershipOperation how = vanishes && !ending ? GroupMembershipOperation.REMAIN_IN_GROUP : GroupMembershipOperation.DEFAULT;
      consumer.close(CloseOptions.groupMembershipOperation(how).withTimeout(PATIENCE));
      tellCommitted(-1);
    }
  }

  private void poll(long endMs) {
    long committedMs = now();
    while (!ending && now() < endMs) {
      ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
      tellCommitted(consumer.groupMetadata().generationId());
      for (TopicPartition partition : records.partitions()) {
        List<ConsumerRecord<byte[], byte[]>> read = records.records(partition);
        long offset = next.getOrDefault(partition, read.get(0).offset());
        history.add(History.fetch(client, group, partition, offset, 0, read));
        next.put(partition, read.get(read.size() - 1).offset() + 1);
      }
      if (now() - committedMs < COMMIT_EVERY_MS) continue;
      commit(next);
      committedMs = now();
    }
  }

  /** Commits what was read; an error leaves it open whether that was taken. */
  private void commit(Map<TopicPartition, Long> places) {
    if (places.isEmpty()) return;
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    places.forEach((partition, offset) -> offsets.put(partition, new OffsetAndMetadata(offset)));
    ConsumerGroupMetadata member = consumer.groupMetadata();
    long invokedMs = now();
    Long completedMs = null;
    try {
      consumer.commitSync(offsets, PATIENCE);
      completedMs = now();
    } catch (KafkaException error) {
      // Nobody knows.
    }
    for (var entry : offsets.entrySet()) {
      ObjectNode event = History.at(History.event("commit", client, invokedMs, completedMs), entry.getKey());
      event.put("group", group).put("memberId", member.memberId()).put("generation", member.generationId());
      event.put("offset", entry.getValue().offset()).put("outcome", completedMs == null ? "unknown" : "acknowledged");
      committed.add(event);
      // The first try may still be under way, and come late.
      if (completedMs == null || completedMs - invokedMs <= SENT_ONCE_MS) continue;
      committed.add(event.deepCopy().putNull("completedMs").put("outcome", "unknown"));
    }
    if (!group.endsWith("sticky")) tellCommitted(-1);
  }

  /** Writes down the commits, as of this generation where their own was an earlier one. */
  private void tellCommitted(int generation) {
    for (ObjectNode event : committed) history.add(event.put("generation", Math.max(generation, event.get("generation").asInt())));
    committed.clear();
  }

  private final class Listener implements ConsumerRebalanceListener {
    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
      Map<TopicPartition, Long> revoked = new HashMap<>(next);
      revoked.keySet().retainAll(partitions);
      commit(revoked);
      next.keySet().removeAll(new HashSet<>(partitions));
      // A cooperative member is told what it loses when it has joined already.
      if (!group.endsWith("sticky")) lastCallbackMs = now();
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
      next.keySet().removeAll(new HashSet<>(partitions));
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      long assignedMs = now();
      ConsumerGroupMetadata member = consumer.groupMetadata();
      ObjectNode join = History.event("join", client, lastCallbackMs, assignedMs).put("group", group);
      history.add(join.put("memberId", member.memberId()).put("generation", member.generationId()));
      lastCallbackMs = assignedMs;
      ObjectNode event = History.event("assignment", client, assignedMs, assignedMs).put("group", group);
      event.put("memberId", member.memberId()).putNull("instanceId").put("generation", member.generationId());
      ArrayNode list = event.putArray("partitions");
      for (TopicPartition one : consumer.assignment()) list.addObject().put("topic", one.topic()).put("partition", one.partition());
      history.add(event);
      if (partitions.isEmpty()) return;
      try {
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(new HashSet<>(partitions), PATIENCE);
        for (TopicPartition one : partitions) {
          OffsetAndMetadata offset = committed.get(one);
          ObjectNode read = History.at(History.event("committed", client, assignedMs, now()), one).put("group", group);
          history.add(read.put("offset", offset == null ? -1 : offset.offset()));
        }
      } catch (KafkaException error) {
        // It was not told; the consumer itself will ask again.
      }
    }
  }

  private static long now() {
    return System.currentTimeMillis();
  }

  private static void sleep(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }
}
