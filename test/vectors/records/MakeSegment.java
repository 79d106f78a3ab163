// Makes segment.bin and its two indexes with Kafka's own log segment. README.md has the command.
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Properties;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogSegment;

public class MakeSegment {
    static final long BASE_OFFSET = 5_000_000_000L;
    static final long BASE_MS = 1_700_000_000_000L;

    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("index.interval.bytes", "500");
        File folder = Files.createTempDirectory("segment").toFile();
        LogSegment segment = LogSegment.open(folder, BASE_OFFSET, new LogConfig(settings), Time.SYSTEM, 1 << 20, false);
        long offset = BASE_OFFSET;
        for (int i = 0; i < 80; i++) {
            if (i % 9 == 4) offset += i;
            MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 16), RecordBatch.MAGIC_VALUE_V2,
                i % 5 == 3 ? Compression.lz4().build() : Compression.NONE, TimestampType.CREATE_TIME, offset);
            for (int j = 0; j <= i % 4; j++) {
                builder.append(BASE_MS + (i * 37 % 50) + i / 2, null, new byte[(i * 31 + j * 17) % 190]);
                offset++;
            }
            segment.append(offset - 1, builder.build());
        }
        segment.onBecomeInactiveSegment();
        segment.close();
        for (String suffix : new String[] {"log", "index", "timeindex"}) {
            Path from = folder.toPath().resolve(String.format("%020d.%s", BASE_OFFSET, suffix));
            String name = "segment." + (suffix.equals("log") ? "bin" : suffix);
            Files.move(from, Path.of(name), StandardCopyOption.REPLACE_EXISTING);
        }
    }
}
