import java.util.*;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.JoinGroupRequestData.JoinGroupRequestProtocol;
import org.apache.kafka.common.message.JoinGroupRequestData.JoinGroupRequestProtocolCollection;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordHelpers;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordSerde;
import org.apache.kafka.coordinator.group.OffsetAndMetadata;
import org.apache.kafka.coordinator.group.classic.ClassicGroup;
import org.apache.kafka.coordinator.group.classic.ClassicGroupMember;
import org.apache.kafka.coordinator.group.classic.ClassicGroupState;

/** Prints the records of classic groups and of offsets as Kafka's own coordinator makes them, and where it puts groups. */
public class MakeVectors {
    static final Uuid TOPIC_ID = Uuid.fromString("BBBBBBBBBBBBBBBBBBBBBA");
    static final GroupCoordinatorRecordSerde SERDE = new GroupCoordinatorRecordSerde();
    static final List<String> lines = new ArrayList<>();

    static void record(String name, CoordinatorRecord record) {
        byte[] value = SERDE.serializeValue(record);
        String hex = value == null ? "null" : "\"" + HexFormat.of().formatHex(value) + "\"";
        lines.add(String.format("    \"%s\": { \"key\": \"%s\", \"value\": %s }", name,
            HexFormat.of().formatHex(SERDE.serializeKey(record)), hex));
    }

    static ClassicGroupMember member(String id, String instance, byte[] subscription) {
        JoinGroupRequestProtocolCollection protocols = new JoinGroupRequestProtocolCollection();
        protocols.add(new JoinGroupRequestProtocol().setName("range").setMetadata(subscription));
        return new ClassicGroupMember(id, Optional.ofNullable(instance), "client", "/127.0.0.1", 300000, 45000, "consumer", protocols);
    }

    public static void main(String[] args) {
        ClassicGroup group = new ClassicGroup(new LogContext(), "grüppe", ClassicGroupState.STABLE, Time.SYSTEM, 7,
            Optional.of("consumer"), Optional.of("range"), Optional.empty(), Optional.of(1700000000000L));
        group.add(member("client-1", null, new byte[] {0, 1, 2}));
        group.setLeaderId(Optional.of("client-1"));
        ClassicGroup pair = new ClassicGroup(new LogContext(), "pair", ClassicGroupState.STABLE, Time.SYSTEM, 2,
            Optional.of("consumer"), Optional.of("range"), Optional.empty(), Optional.of(1700000000001L));
        pair.add(member("instance-2", "instance", new byte[] {}));
        ClassicGroup empty = new ClassicGroup(new LogContext(), "g", ClassicGroupState.EMPTY, Time.SYSTEM, 3,
            Optional.of("consumer"), Optional.empty(), Optional.empty(), Optional.of(1700000000002L));

        record("group", GroupCoordinatorRecordHelpers.newGroupMetadataRecord(group, Map.of("client-1", new byte[] {9, 8})));
        record("static", GroupCoordinatorRecordHelpers.newGroupMetadataRecord(pair, Map.of("instance-2", new byte[] {})));
        record("empty", GroupCoordinatorRecordHelpers.newGroupMetadataRecord(empty, Map.of()));
        record("new", GroupCoordinatorRecordHelpers.newEmptyGroupMetadataRecord(empty));
        record("groupTombstone", GroupCoordinatorRecordHelpers.newGroupMetadataTombstoneRecord("g"));
        record("offset", GroupCoordinatorRecordHelpers.newOffsetCommitRecord("g", "t", 3, new OffsetAndMetadata(
            42L, OptionalInt.of(5), "note", 1700000000003L, OptionalLong.empty(), TOPIC_ID)));
        record("offsetWithoutTopicId", GroupCoordinatorRecordHelpers.newOffsetCommitRecord("g", "t", 3, new OffsetAndMetadata(
            42L, OptionalInt.empty(), "", 1700000000003L, OptionalLong.empty(), Uuid.ZERO_UUID)));
        record("offsetWithExpiry", GroupCoordinatorRecordHelpers.newOffsetCommitRecord("g", "t", 3, new OffsetAndMetadata(
            42L, OptionalInt.of(5), "", 1700000000003L, OptionalLong.of(1700000001000L), TOPIC_ID)));
        record("offsetTombstone", GroupCoordinatorRecordHelpers.newOffsetCommitTombstoneRecord("g", "t", 3));

        List<String> partitions = new ArrayList<>();
        // The hash of "polygenelubricants" is the smallest int, which has no absolute value.
        for (String id : List.of("", "g", "my-group", "polygenelubricants", "console-consumer-12345", "grüppe", "群れ🐙"))
            partitions.add(String.format("    \"%s\": %d", id, Utils.abs(id.hashCode()) % 50));
        System.out.println("{\n  \"records\": {\n" + String.join(",\n", lines) + "\n  },\n  \"partitionsOf50\": {\n"
            + String.join(",\n", partitions) + "\n  }\n}");
    }
}
