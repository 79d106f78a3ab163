import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Load by Kafka's own Java client, with as little work of its own as possible. Built by bench/java.ts.
 *
 * <pre>
 *   LoadDriver produce BOOTSTRAP TOPIC PARTITIONS RECORDS BYTES [name=value ...]
 *   LoadDriver paced   BOOTSTRAP TOPIC PARTITIONS RECORDS BYTES rate=RECORDS_PER_SECOND [name=value ...]
 *   LoadDriver latency BOOTSTRAP TOPIC PARTITIONS RECORDS BYTES [name=value ...]
 *   LoadDriver fetch   BOOTSTRAP TOPIC PARTITIONS RECORDS PASSES [name=value ...]
 * </pre>
 *
 * name=value are the client's own settings. Prints one JSON object. Each mode does a part of its work first without counting it: the virtual
 * machine compiles as it goes. Produce counts from the first record handed over to the last one acknowledged; paced hands records over at a
 * steady rate and measures each from the moment it was due; fetch reads the whole topic PASSES times.
 */
public final class LoadDriver {
  private static final Duration SILENCE = Duration.ofSeconds(30);

  public static void main(String[] arguments) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", arguments[1]);
    settings.put("client.id", "kedge-bench");
    for (int i = 6; i < arguments.length; i++) {
      int at = arguments[i].indexOf('=');
      settings.put(arguments[i].substring(0, at), arguments[i].substring(at + 1));
    }
    String topic = arguments[2];
    int partitions = Integer.parseInt(arguments[3]);
    int records = Integer.parseInt(arguments[4]);
    int bytes = Integer.parseInt(arguments[5]);
    switch (arguments[0]) {
      case "produce" -> new Load(settings, topic, partitions, bytes).produce(records);
      case "paced" -> new Load(settings, topic, partitions, bytes).paced(records);
      case "latency" -> new Load(settings, topic, partitions, bytes).latency(records);
      case "fetch" -> fetch(settings, topic, partitions, records, bytes);
      default -> throw new IllegalArgumentException(arguments[0]);
    }
    // All is measured and printed: nobody waits for the client's threads.
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  private static final class Load {
    private final KafkaProducer<byte[], byte[]> producer;
    private final String topic;
    private final int partitions;
    private final byte[] value;
    private final double rate;
    private final AtomicReference<Exception> failure = new AtomicReference<>();

    Load(Properties settings, String topic, int partitions, int bytes) {
      Object given = settings.remove("rate");
      rate = given == null ? 0 : Double.parseDouble(given.toString());
      producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
      this.topic = topic;
      this.partitions = partitions;
      value = new byte[bytes];
      new Random(1).nextBytes(value);
    }

    private ProducerRecord<byte[], byte[]> record(int i) {
      return new ProducerRecord<>(topic, i % partitions, null, value);
    }

    private void send(int count) throws Exception {
      for (int i = 0; i < count; i++) {
        producer.send(record(i), (metadata, error) -> {
          if (error != null) failure.set(error);
        });
      }
      producer.flush();
      if (failure.get() != null) throw failure.get();
    }

    void produce(int records) throws Exception {
      send(records / 2);
      long started = System.nanoTime();
      send(records);
      double seconds = (System.nanoTime() - started) / 1e9;
      print("{\"records\":%d,\"bytes\":%d,\"seconds\":%.6f}", records, (long) records * value.length, seconds);
    }

    /** Two seconds of the same load warm up, and are waited for; what the client itself holds back counts as the broker's, too. */
    void paced(int records) throws Exception {
      atRate(new double[(int) (2 * rate)]);
      double[] tookMs = new double[records];
      atRate(tookMs);
      printLatency(tookMs);
    }

    private void atRate(double[] tookMs) throws Exception {
      long started = System.nanoTime();
      for (int i = 0; i < tookMs.length; i++) {
        int index = i;
        long due = started + (long) (i / rate * 1e9);
        for (long now = System.nanoTime(); now < due; now = System.nanoTime()) LockSupport.parkNanos(due - now);
        producer.send(record(i), (metadata, error) -> {
          if (error != null) failure.set(error);
          tookMs[index] = (System.nanoTime() - due) / 1e6;
        });
      }
      producer.flush();
      if (failure.get() != null) throw failure.get();
    }

    void latency(int records) throws Exception {
      double[] tookMs = new double[records];
      int warmUp = records;
      for (int i = -warmUp; i < records; i++) {
        long started = System.nanoTime();
        producer.send(record(0)).get();
        if (i >= 0) tookMs[i] = (System.nanoTime() - started) / 1e6;
      }
      printLatency(tookMs);
    }
  }

  private static void fetch(Properties settings, String topic, int partitions, int records, int passes) {
    settings.put("group.id", "kedge-bench");
    settings.put("enable.auto.commit", "false");
    var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    List<TopicPartition> assigned = new ArrayList<>();
    for (int i = 0; i < partitions; i++) assigned.add(new TopicPartition(topic, i));
    consumer.assign(assigned);
    long counted = 0;
    long bytes = 0;
    long nanos = 0;
    for (int pass = -1; pass < passes; pass++) {
      consumer.seekToBeginning(assigned);
      long started = System.nanoTime();
      long passBytes = 0;
      int read = 0;
      while (read < records) {
        var polled = consumer.poll(SILENCE);
        if (polled.isEmpty()) throw new IllegalStateException("no record for too long");
        for (var record : polled) passBytes += record.value().length;
        read += polled.count();
      }
      if (pass < 0) continue;
      nanos += System.nanoTime() - started;
      bytes += passBytes;
      counted += read;
    }
    print("{\"records\":%d,\"bytes\":%d,\"seconds\":%.6f}", counted, bytes, nanos / 1e9);
  }

  private static void printLatency(double[] tookMs) {
    double mean = Arrays.stream(tookMs).average().orElse(Double.NaN);
    Arrays.sort(tookMs);
    int count = tookMs.length;
    print("{\"records\":%d,\"meanMs\":%.4f,\"p50Ms\":%.4f,\"p99Ms\":%.4f,\"maxMs\":%.4f}",
        count, mean, tookMs[count / 2], tookMs[count * 99 / 100], tookMs[count - 1]);
  }

  private static void print(String format, Object... values) {
    System.out.println(String.format(Locale.ROOT, format, values));
  }
}
