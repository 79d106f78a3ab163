package kedge.streams;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Creates topics and writes the records of a file (topic, timestamp, key, value, with tabs between) in their order with an idempotent producer. Arguments:
 * bootstrap, the file, how many lines go first at once, records a second of those that follow, partitions, topics. Says "ready" when the first are
 * acknowledged and, once the file ends or stdin says anything, "sent N" when all N are.
 */
public final class Generator {
  public static void main(String[] arguments) throws Exception {
    Map<String, Object> config =
        Map.of("bootstrap.servers", arguments[0], "linger.ms", 5, "delivery.timeout.ms", 150_000, "acks", "all");
    int first = Integer.parseInt(arguments[2]);
    double perSecond = Double.parseDouble(arguments[3]);
    createTopics(arguments[0], Integer.parseInt(arguments[4]), Arrays.asList(arguments).subList(5, arguments.length));
    AtomicReference<Exception> failure = new AtomicReference<>();
    BufferedReader stdin = new BufferedReader(new InputStreamReader(System.in));
    try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
        var lines = Files.newBufferedReader(Path.of(arguments[1]))) {
      int sent = 0;
      long startedAt = 0;
      for (String line = lines.readLine(); line != null && failure.get() == null; line = lines.readLine()) {
        if (sent == first) {
          producer.flush();
          System.out.println("ready");
          startedAt = System.nanoTime();
        }
        if (sent >= first) {
          long dueMs = (long) ((sent - first) * 1000 / perSecond) - (System.nanoTime() - startedAt) / 1_000_000;
          if (dueMs > 0) Thread.sleep(dueMs);
          if (stdin.ready()) break;
        }
        String[] parts = line.split("\t");
        var record = new ProducerRecord<>(parts[0], null, Long.parseLong(parts[1]), parts[2], parts[3]);
        producer.send(record, (metadata, error) -> failure.compareAndSet(null, error));
        sent++;
      }
      producer.flush();
      if (failure.get() != null) throw failure.get();
      System.out.println("sent " + sent);
    }
  }

  private static void createTopics(String bootstrap, int partitions, List<String> names) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(names.stream().map(name -> new NewTopic(name, partitions, (short) 1)).toList()).all().get();
    }
  }
}
