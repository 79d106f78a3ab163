package kedge.streams;

import java.time.Duration;
import java.util.Arrays;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * One instance of a word count: lines are cut into words, which are repartitioned and counted, exactly once. Its members are those of a
 * streams group (KIP-1071). Arguments: bootstrap servers, prefix of all names, state directory.
 */
public final class WordCount {
  private WordCount() {}

  public static void main(String[] arguments) {
    Properties config = new Properties();
    config.put("bootstrap.servers", arguments[0]);
    config.put("application.id", applicationOf(arguments[1]));
    config.put("state.dir", arguments[2]);
    config.put("group.protocol", "streams");
    config.put("processing.guarantee", "exactly_once_v2");
    config.put("commit.interval.ms", "200");
    config.put("replication.factor", "1");
    KafkaStreams streams = new KafkaStreams(topology(arguments[1]), config);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(20))));
    streams.start();
  }

  static String applicationOf(String prefix) {
    return prefix + "word-count";
  }

  private static Topology topology(String prefix) {
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(prefix + "lines", Consumed.with(Serdes.String(), Serdes.String()))
        .flatMapValues(line -> Arrays.asList(line.split(" ")))
        .groupBy((key, word) -> word, Grouped.with("by-word", Serdes.String(), Serdes.String()))
        .count(Materialized.as("counts"))
        .toStream()
        .to(prefix + "counts", Produced.with(Serdes.String(), Serdes.Long()));
    return builder.build();
  }
}
