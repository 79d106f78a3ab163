package kedge;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * One member of a group for bench/rebalance-case.ts: {@code kedge.RebalanceMember BOOTSTRAP TOPIC PROTOCOL}. Each line says what it holds from
 * then on: milliseconds since the epoch and the number of partitions. The first line says when it subscribed.
 */
public final class RebalanceMember {
  private RebalanceMember() {}

  public static void main(String[] arguments) {
    String topic = arguments[1];
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", arguments[0]);
    config.put("group.id", topic);
    config.put("group.protocol", arguments[2]);
    // The classic defaults; sessions of the consumer protocol are the broker's, and by default as long.
    if (arguments[2].equals("classic")) config.put("session.timeout.ms", 45_000);
    config.put("enable.auto.commit", false);
    config.put("enable.metrics.push", false);
    KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    ConsumerRebalanceListener listener =
        new ConsumerRebalanceListener() {
          @Override
          public void onPartitionsAssigned(Collection<TopicPartition> added) {
            tell(consumer.assignment().size());
          }

          @Override
          public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
            tell(consumer.assignment().size() - revoked.size());
          }
        };
    tell(0);
    consumer.subscribe(List.of(topic), listener);
    while (true) consumer.poll(Duration.ofMillis(20));
  }

  private static void tell(int held) {
    System.out.println(System.currentTimeMillis() + " " + held);
  }
}
