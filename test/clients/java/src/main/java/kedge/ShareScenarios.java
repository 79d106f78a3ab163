package kedge;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.SharePartitionOffsetInfo;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Share groups (KIP-932) of test/clients/README.md. Each scenario has a topic and a group of the same name. */
final class ShareScenarios {
  private static final int MOST_DELIVERIES = 5;
  private static final long QUIET_MS = 1500;

  private final String bootstrap;
  private final String prefix;

  ShareScenarios(String bootstrap, String prefix) {
    this.bootstrap = bootstrap;
    this.prefix = prefix;
  }

  Map<String, Scenarios.Work> all() {
    Map<String, Scenarios.Work> all = new HashMap<>();
    all.put("share-implicit", () -> run("share-implicit", this::implicit));
    all.put("share-explicit", () -> run("share-explicit", this::explicit));
    all.put("share-lock", () -> run("share-lock", this::lock));
    all.put("share-transactions", () -> run("share-transactions", this::transactions));
    all.put("share-admin", () -> run("share-admin", this::administration));
    return all;
  }

  private interface Work {
    void run(Admin admin, String name) throws Exception;
  }

  private void run(String scenario, Work work) throws Exception {
    String name = prefix + "-" + scenario;
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(List.of(new NewTopic(name, 1, (short) 1))).all().get();
      configure(admin, name, "share.auto.offset.reset", "earliest");
      work.run(admin, name);
    }
  }

  /** Two members share one partition, then both go, and one more finds only what is new. */
  private void implicit(Admin admin, String name) throws Exception {
    Map<String, Object> few = Map.of("max.poll.records", 10, "share.acquire.mode", "record_limit");
    int produced = 0;
    try (ShareMember one = member(name, "implicit", few); ShareMember other = member(name, "implicit", few)) {
      // One of them may come when the other has already been given all there was.
      while (produced < 2000 && (one.deliveries().isEmpty() || other.deliveries().isEmpty())) {
        produce(name, produced, 200);
        produced += 200;
        List<String> expected = numbers(0, produced);
        Scenarios.settle(() -> {
          one.poll();
          other.poll();
          Scenarios.assertEqual(seen(one, other), expected, "what two members got");
        });
      }
      Scenarios.assertEqual(one.deliveries().isEmpty() || other.deliveries().isEmpty(), false, "one member got nothing");
      one.commit();
      other.commit();
    }
    int before = produced;
    produce(name, before, 20);
    try (ShareMember later = member(name, "implicit", Map.of())) {
      Scenarios.settle(() -> {
        later.poll();
        Scenarios.assertEqual(seen(later), numbers(before, before + 20), "what a later member got");
      });
      later.commit();
    }
    Scenarios.settle(() -> Scenarios.assertEqual(startOffset(admin, name).lag().orElse(-1L), 0L, "the lag"));
  }

  /** Accepted and rejected records never come again, released ones do, until they have come too often. */
  private void explicit(Admin admin, String name) throws Exception {
    produce(name, 0, 9);
    List<AcknowledgeType> types = List.of(AcknowledgeType.ACCEPT, AcknowledgeType.RELEASE, AcknowledgeType.REJECT);
    try (ShareMember member = member(name, "explicit", Map.of())) {
      Scenarios.settle(() -> {
        member.answer(record -> types.get((int) (record.offset() % 3)));
        Scenarios.assertEqual(member.deliveries().size(), 9 + (MOST_DELIVERIES - 1) * 3, "deliveries");
      });
      quiet(member);
      List<ShareMember.Delivery> expected = new ArrayList<>();
      for (int number = 0; number < 9; number++) expected.add(new ShareMember.Delivery("v" + number, 1));
      for (int count = 2; count <= MOST_DELIVERIES; count++) {
        for (int number = 1; number < 9; number += 3) expected.add(new ShareMember.Delivery("v" + number, count));
      }
      Scenarios.assertEqual(member.deliveries(), expected, "every delivery");
    }
    // What has come too often is archived without being stored.
    Scenarios.assertEqual(startOffset(admin, name).startOffset(), 7L, "the start offset");
  }

  /** A lock that runs out gives the records to another member; one that is renewed doesn't. */
  private void lock(Admin admin, String name) throws Exception {
    configure(admin, name, "share.record.lock.duration.ms", "15000");
    produce(name, 0, 4);
    try (ShareMember slow = member(name, "explicit", Map.of()); ShareMember other = member(name, "explicit", Map.of())) {
      List<ConsumerRecord<byte[], byte[]>> held = new ArrayList<>();
      Scenarios.settle(() -> {
        held.addAll(slow.poll());
        Scenarios.assertEqual(held.size(), 4, "records that the slow one holds");
      });
      long from = System.nanoTime();
      Scenarios.assertEqual(slow.lockMs(), 15_000, "the lock's duration");
      acceptUntil(other, from, 8);
      Scenarios.assertEqual(other.deliveries(), List.of(), "what comes before the lock has run out");
      slow.acknowledge(held.get(0), AcknowledgeType.RENEW);
      slow.commit();
      acceptUntil(other, from, 18);
      for (ConsumerRecord<byte[], byte[]> lost : held.subList(1, 4)) slow.acknowledge(lost, AcknowledgeType.ACCEPT);
      Scenarios.assertEqual(slow.refusal(), "InvalidRecordStateException", "the answer for records that were lost");
      List<ConsumerRecord<byte[], byte[]>> renewed = slow.poll();
      Scenarios.assertEqual(renewed.stream().map(ConsumerRecord::offset).toList(), List.of(0L), "what was renewed");
      slow.acknowledge(renewed.get(0), AcknowledgeType.ACCEPT);
      slow.commit();
      Scenarios.settle(() -> {
        other.answer(record -> AcknowledgeType.ACCEPT);
        Scenarios.assertEqual(seen(other), numbers(1, 4), "what comes when the lock has run out");
      });
      boolean again = other.deliveries().stream().allMatch(delivery -> delivery.count() > 1);
      Scenarios.assertEqual(again, true, "it comes as something that has come before");
    }
  }

  private static void acceptUntil(ShareMember member, long from, int seconds) {
    while (System.nanoTime() - from < TimeUnit.SECONDS.toNanos(seconds)) member.answer(record -> AcknowledgeType.ACCEPT);
  }

  /** Under read_committed an aborted record never comes, and the group passes it. */
  private void transactions(Admin admin, String name) throws Exception {
    configure(admin, name, "share.isolation.level", "read_committed");
    Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "transactional.id", name));
    try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer.initTransactions();
      for (int transaction = 0; transaction < 6; transaction++) {
        producer.beginTransaction();
        for (int number = transaction * 5; number < transaction * 5 + 5; number++) {
          producer.send(new ProducerRecord<>(name, ("v" + number).getBytes()));
        }
        if (transaction % 2 == 0) producer.commitTransaction();
        else producer.abortTransaction();
      }
    }
    try (ShareMember member = member(name, "implicit", Map.of())) {
      List<String> committed =
          Stream.of(0, 10, 20).flatMap(start -> numbers(start, start + 5).stream()).sorted().toList();
      Scenarios.settle(() -> {
        member.poll();
        Scenarios.assertEqual(seen(member), committed, "what was committed");
      });
      for (int i = 0; i < 5; i++) {
      member.poll();
      }
      quiet(member);
      Scenarios.assertEqual(seen(member), committed, "what was committed, and nothing more");
      member.commit();
      Scenarios.settle(() -> {
        member.poll();
        Scenarios.assertEqual(startOffset(admin, name).lag().orElse(-1L), 0L, "the lag");
      });
    }
  }

  private void administration(Admin admin, String name) throws Exception {
    produce(name, 0, 10);
    try (ShareMember member = member(name, "implicit", Map.of())) {
      Scenarios.settle(() -> {
        member.poll();
        Scenarios.assertEqual(seen(member), numbers(0, 10), "what the member got");
      });
      member.commit();
      var group = admin.describeShareGroups(List.of(name)).all().get().get(name);
      Scenarios.assertEqual(group.groupState().toString(), "Stable", "the state of a group");
      List<String> assigned = group.members().stream()
          .flatMap(one -> one.assignment().topicPartitions().stream()).map(TopicPartition::toString).toList();
      Scenarios.assertEqual(assigned, List.of(name + "-0"), "the assignment");
    }
    var listed = admin.listGroups(new ListGroupsOptions().withTypes(Set.of(GroupType.SHARE))).all().get();
    Scenarios.assertEqual(listed.stream().anyMatch(one -> one.groupId().equals(name)), true, "the group is listed");
    TopicPartition partition = new TopicPartition(name, 0);
    admin.alterShareGroupOffsets(name, Map.of(partition, 4L)).all().get();
    Scenarios.settle(() -> Scenarios.assertEqual(startOffset(admin, name).startOffset(), 4L, "an altered offset"));
    try (ShareMember member = member(name, "implicit", Map.of())) {
      Scenarios.settle(() -> {
        member.poll();
        Scenarios.assertEqual(seen(member), numbers(4, 10), "what comes again");
      });
      member.commit();
    }
    admin.deleteShareGroupOffsets(name, Set.of(name)).all().get();
    Scenarios.settle(() -> Scenarios.assertEqual(offsets(admin, name).isEmpty(), true, "deleted offsets are gone"));
    admin.deleteShareGroups(List.of(name)).all().get();
    Scenarios.settle(() -> {
      var left = admin.listGroups(new ListGroupsOptions().withTypes(Set.of(GroupType.SHARE))).all().get();
      Scenarios.assertEqual(left.stream().anyMatch(one -> one.groupId().equals(name)), false, "the group is gone");
    });
  }

  private ShareMember member(String name, String acknowledgement, Map<String, Object> more) {
    return new ShareMember(bootstrap, name, name, acknowledgement, more);
  }

  private static void quiet(ShareMember member) {
    int before = member.deliveries().size();
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(QUIET_MS);
    while (System.nanoTime() < deadline) member.poll();
    Scenarios.assertEqual(member.deliveries().size(), before, "deliveries after a quiet while");
  }

  private static void configure(Admin admin, String group, String name, String value) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.GROUP, group);
    AlterConfigOp set = new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
    admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
    Scenarios.settle(() -> {
      String now = admin.describeConfigs(List.of(resource)).all().get().get(resource).get(name).value();
      Scenarios.assertEqual(now, value, name + " of the group");
    });
  }

  private static Map<TopicPartition, SharePartitionOffsetInfo> offsets(Admin admin, String name) throws Exception {
    var spec = new ListShareGroupOffsetsSpec();
    return admin.listShareGroupOffsets(Map.of(name, spec)).partitionsToOffsetInfo(name).get();
  }

  private static SharePartitionOffsetInfo startOffset(Admin admin, String name) throws Exception {
    SharePartitionOffsetInfo info = offsets(admin, name).get(new TopicPartition(name, 0));
    if (info == null) throw new AssertionError("no offset of " + name);
    return info;
  }

  private void produce(String topic, int from, int count) throws Exception {
    Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
    try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (int number = from; number < from + count; number++) {
        producer.send(new ProducerRecord<>(topic, ("v" + number).getBytes()));
      }
    }
  }

  /** In order of their text, and twice where two members, or one twice, got the same. */
  private static List<String> seen(ShareMember... members) {
    return Stream.of(members).flatMap(member -> member.deliveries().stream()).map(ShareMember.Delivery::record).sorted().toList();
  }

  private static List<String> numbers(int from, int to) {
    return IntStream.range(from, to).mapToObj(number -> "v" + number).sorted().toList();
  }
}
