package kedge;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A KafkaShareConsumer and what it has been given so far. */
final class ShareMember implements AutoCloseable {
  /** One delivery: a record and the how manieth time it comes. */
  record Delivery(String record, int count) {}

  private static final Duration POLL = Duration.ofMillis(100);

  private final KafkaShareConsumer<byte[], byte[]> consumer;
  private final List<Delivery> deliveries = new ArrayList<>();

  ShareMember(String bootstrap, String group, String topic, String acknowledgement, Map<String, Object> more) {
    Map<String, Object> config = new HashMap<>(more);
    config.put("bootstrap.servers", bootstrap);
    config.put("group.id", group);
    config.put("share.acknowledgement.mode", acknowledgement);
    consumer = new KafkaShareConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    consumer.subscribe(List.of(topic));
  }

  /** Takes what there is; a member that acknowledges by itself has thereby accepted what the poll before gave it. */
  List<ConsumerRecord<byte[], byte[]>> poll() {
    List<ConsumerRecord<byte[], byte[]>> got = new ArrayList<>();
    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
      got.add(record);
      deliveries.add(new Delivery(new String(record.value()), record.deliveryCount().orElse((short) -1)));
    }
    return got;
  }

  /** Polls, answers for each record as {@code answer} says, and tells the broker. */
  void answer(Function<ConsumerRecord<byte[], byte[]>, AcknowledgeType> answer) {
    for (ConsumerRecord<byte[], byte[]> record : poll()) consumer.acknowledge(record, answer.apply(record));
    commit();
  }

  void acknowledge(ConsumerRecord<byte[], byte[]> record, AcknowledgeType type) {
    consumer.acknowledge(record, type);
  }

  void commit() {
    consumer.commitSync().forEach((partition, error) -> {
      if (error.isPresent()) throw error.get();
    });
  }

  /** The name of the error that a commit ends with. */
  String refusal() {
    try {
      commit();
      return "none";
    } catch (KafkaException error) {
      return error.getClass().getSimpleName();
    }
  }

  int lockMs() {
    return consumer.acquisitionLockTimeoutMs().orElseThrow();
  }

  List<Delivery> deliveries() {
    return deliveries;
  }

  @Override
  public void close() {
    consumer.close();
  }
}
