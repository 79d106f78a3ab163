// Asks Kafka's own classes what a leader says to a produced batch. Reads one case a line from standard input, tab-separated:
// name, batch in hex, produce version, compacted, timestamp type, before.max.ms, after.max.ms, now, max.message.bytes, the codec that
// the topic wants or "producer".
// Writes: name, error code, indices of the rejected records, CRC of the batch as it would be stored. README.md has the command.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.stream.Collectors;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.CorruptRecordException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.apache.kafka.common.utils.internals.PrimitiveRef;
import org.apache.kafka.storage.internals.log.*;

public class Judge {
    static final LogValidator.MetricsRecorder NOTHING = new LogValidator.MetricsRecorder() {
        public void recordInvalidMagic() { }
        public void recordInvalidOffset() { }
        public void recordInvalidSequence() { }
        public void recordInvalidChecksums() { }
        public void recordNoKeyCompactedTopic() { }
    };

    static String judge(String[] field) {
        try {
            MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(HexFormat.of().parseHex(field[1])));
            ProduceRequest.validateRecords(Short.parseShort(field[2]), records);
            CompressionType source = CompressionType.NONE;
            // The steps of UnifiedLog.analyzeAndValidateRecords for a client's batch; that method needs a whole log around it.
            for (MutableRecordBatch batch : records.batches()) {
                if (batch.baseOffset() != 0) throw new InvalidRecordException("base offset");
                if (batch.sizeInBytes() > Integer.parseInt(field[8])) throw new RecordTooLargeException("size");
                if (!((DefaultRecordBatch) batch).isValid()) throw new CorruptRecordException("crc");
                source = CompressionType.forId(batch.compressionType().id);
            }
            long now = Long.parseLong(field[7]);
            Time time = new Time() {
                @Override public long milliseconds() { return now; }
                @Override public long nanoseconds() { return 0; }
                @Override public void sleep(long ms) { }
            };
            Compression target = Compression.of(field[9].equals("producer") ? source : CompressionType.forName(field[9])).build();
            LogValidator validator = new LogValidator(records, new TopicPartition("t", 0), time, source, target,
                Boolean.parseBoolean(field[3]), RecordBatch.MAGIC_VALUE_V2, TimestampType.forName(field[4]), Long.parseLong(field[5]),
                Long.parseLong(field[6]), 0, AppendOrigin.CLIENT);
            MemoryRecords stored = validator.validateMessagesAndAssignOffsets(PrimitiveRef.ofLong(0), NOTHING, BufferSupplier.NO_CACHING)
                .validatedRecords();
            if (stored.sizeInBytes() > Integer.parseInt(field[8])) throw new RecordTooLargeException("size");
            return "0\t\t" + stored.batches().iterator().next().checksum();
        } catch (RecordValidationException e) {
            String indices = e.recordErrors().stream().map(error -> "" + error.batchIndex).collect(Collectors.joining(","));
            return Errors.forException(e.invalidException()).code() + "\t" + indices + "\t";
        } catch (Throwable e) {
            return Errors.forException(e).code() + "\t\t";
        }
    }

    public static void main(String[] args) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = input.readLine()) != null;) {
            String[] field = line.split("\t");
            System.out.println(field[0] + "\t" + judge(field));
        }
    }
}
