import java.io.BufferedReader;
import java.io.InputStreamReader;
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
 * Members of many groups for bench/rebalance-case.ts, one thread each; they all end together when the process is killed. A line of the input says
 * {@code BOOTSTRAP TOPIC PROTOCOL AT_MS}: where, which topic (the group is named alike), how, and when it subscribes, in milliseconds since the
 * epoch. A line of the output says {@code LINE AT_MS HELD}: what the member of that line of the input holds from then on. The first of each
 * member says when it subscribed.
 */
public final class RebalanceMembers {
  private static final Duration POLL = Duration.ofMillis(20);

  private RebalanceMembers() {}

  public static void main(String[] arguments) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    int count = 0;
    for (String text = input.readLine(); text != null; text = input.readLine()) {
      int line = count++;
      String[] words = text.split(" ");
      new Thread(() -> live(line, words)).start();
    }
  }

  private static void live(int line, String[] words) {
    String topic = words[1];
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", words[0]);
    config.put("group.id", topic);
    config.put("group.protocol", words[2]);
    config.put("enable.auto.commit", false);
    config.put("enable.metrics.push", false);
    KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    ConsumerRebalanceListener listener =
        new ConsumerRebalanceListener() {
          @Override
          public void onPartitionsAssigned(Collection<TopicPartition> added) {
            tell(line, consumer.assignment().size());
          }

          @Override
          public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
            tell(line, consumer.assignment().size() - revoked.size());
          }
        };
    sleepUntil(Long.parseLong(words[3]));
    tell(line, 0);
    consumer.subscribe(List.of(topic), listener);
    while (true) consumer.poll(POLL);
  }

  private static void sleepUntil(long atMs) {
    try {
      Thread.sleep(Math.max(0, atMs - System.currentTimeMillis()));
    } catch (InterruptedException interrupted) {
      throw new IllegalStateException(interrupted);
    }
  }

  private static void tell(int line, int held) {
    System.out.println(line + " " + System.currentTimeMillis() + " " + held);
  }
}
