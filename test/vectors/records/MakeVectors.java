// Makes the record batches in this folder with Kafka's own classes. README.md has the command.
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;

public class MakeVectors {
    static final long BASE = 1_700_000_000_000L;

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    // The same records as in test/records/vectors.test.ts.
    static void fill(MemoryRecordsBuilder builder, int count) {
        for (int i = 0; i < count; i++) {
            byte[] key = i % 7 == 0 ? null : utf8("key-" + i);
            byte[] value = i % 5 == 0 ? null : utf8("value " + i + " of a record batch made by Kafka, ü and €");
            Header[] headers = i % 3 != 0 ? new Header[0] : new Header[] {
                new RecordHeader("trace", utf8("t" + i)), new RecordHeader("none", null), new RecordHeader("größe", new byte[0]),
            };
            long timestamp = i == 2 ? BASE - 5 : BASE + 10L * i;
            builder.append(timestamp, key, value, headers);
        }
    }

    static void write(String name, MemoryRecords records) throws Exception {
        ByteBuffer buffer = records.buffer().duplicate();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        Files.write(Path.of(name + ".bin"), bytes);
        System.out.println(name + ".bin " + bytes.length);
    }

    static MemoryRecordsBuilder builder(Compression compression, TimestampType type, long producerId) {
        boolean transactional = producerId >= 0;
        return MemoryRecords.builder(ByteBuffer.allocate(1 << 20), RecordBatch.MAGIC_VALUE_V2, compression, type, 0L, BASE + 99_999,
            producerId, transactional ? (short) 3 : RecordBatch.NO_PRODUCER_EPOCH,
            transactional ? 42 : RecordBatch.NO_SEQUENCE, transactional, RecordBatch.NO_PARTITION_LEADER_EPOCH);
    }

    public static void main(String[] args) throws Exception {
        for (CompressionType type : CompressionType.values()) {
            Compression compression = Compression.of(type).build();
            MemoryRecordsBuilder few = builder(compression, TimestampType.CREATE_TIME, -1);
            fill(few, 20);
            write("java-" + type.name, few.build());
            if (type == CompressionType.NONE) continue;
            MemoryRecordsBuilder many = builder(compression, TimestampType.CREATE_TIME, -1);
            fill(many, 3000);
            write("java-" + type.name + "-many", many.build());
        }
        MemoryRecordsBuilder transactional = builder(Compression.NONE, TimestampType.CREATE_TIME, 7_000_000_001L);
        fill(transactional, 3);
        write("java-transactional", transactional.build());
        MemoryRecordsBuilder appendTime = builder(Compression.NONE, TimestampType.LOG_APPEND_TIME, -1);
        fill(appendTime, 3);
        write("java-log-append-time", appendTime.build());
        write("java-control", MemoryRecords.withEndTransactionMarker(0L, BASE, 0, 7L, (short) 3,
            new EndTransactionMarker(ControlRecordType.COMMIT, 9)));
        for (byte magic = 0; magic < 2; magic++) {
            MemoryRecordsBuilder old = MemoryRecords.builder(ByteBuffer.allocate(4096), magic, Compression.NONE,
                TimestampType.CREATE_TIME, 0L);
            old.append(magic == 0 ? -1L : BASE, utf8("key"), utf8("value"));
            write("java-magic-" + magic, old.build());
        }
    }
}
