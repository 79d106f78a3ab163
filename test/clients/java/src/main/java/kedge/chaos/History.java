package kedge.chaos;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** The events of test/checker/history.ts, one a line. */
final class History implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private final BufferedWriter out;

  History(String path) throws IOException {
    out = Files.newBufferedWriter(Path.of(path));
  }

  static ObjectNode event(String type, String client, long invokedMs, Long completedMs) {
    ObjectNode event = JSON.createObjectNode().put("type", type).put("client", client).put("invokedMs", invokedMs);
    return event.put("completedMs", completedMs);
  }

  static ObjectNode at(ObjectNode event, TopicPartition partition) {
    return event.put("topic", partition.topic()).put("partition", partition.partition());
  }

  /** What one poll gave of one partition, read on from {@code offset}. */
  static ObjectNode fetch(
      String client, String group, TopicPartition partition, long offset, long end, List<ConsumerRecord<byte[], byte[]>> records) {
    // A consumer reads ahead and doesn't say when it asked; a poll's answer says nothing of watermarks.
    ObjectNode event = at(event("fetch", client, 0, System.currentTimeMillis()), partition).put("group", group);
    long next = records.get(records.size() - 1).offset() + 1;
    event.put("offset", offset).put("errorCode", 0).put("highWatermark", Math.max(end, next)).put("logStartOffset", -1);
    event.put("nextOffset", next).put("minBytes", 1);
    ArrayNode list = event.putArray("records");
    for (ConsumerRecord<byte[], byte[]> record : records) {
      list.addObject().put("offset", record.offset()).put("id", Values.idOf(record.value()));
    }
    return event;
  }

  synchronized void add(ObjectNode event) {
    try {
      out.write(event.toString());
      out.newLine();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  @Override
  public synchronized void close() throws IOException {
    out.close();
  }
}

/** The twin of test/chaos/record-value.ts. */
final class Values {
  private Values() {}

  static String valueOf(String id) {
    long number = Long.parseLong(id.substring(id.lastIndexOf('#') + 1));
    int size = (int) (40 + number * 37 % 500);
    String piece = id + "|";
    return piece.repeat(size / piece.length() + 1).substring(0, Math.max(size, piece.length()));
  }

  static String idOf(byte[] value) {
    String text = value == null ? "" : new String(value, StandardCharsets.UTF_8);
    int end = text.indexOf('|');
    try {
      if (end > 0 && text.equals(valueOf(text.substring(0, end)))) return text.substring(0, end);
    } catch (NumberFormatException error) {
      // Not one of ours, or not whole.
    }
    return "?";
  }
}
