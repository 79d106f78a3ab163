package kedge.streams;

import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * One instance of the application. Arguments: the prefix of the topics, which is also the application's id, the number of partitions, then
 * NAME=VALUE configs. It says on stdout which state it is in and what ended a thread, which is then replaced.
 */
public final class Application {
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(30);

  public static void main(String[] arguments) {
    String prefix = arguments[0];
    Properties config = new Properties();
    config.put("application.id", prefix + "app");
    config.put("default.key.serde", "org.apache.kafka.common.serialization.Serdes$StringSerde");
    config.put("default.value.serde", "org.apache.kafka.common.serialization.Serdes$StringSerde");
    for (int i = 2; i < arguments.length; i++) {
      String[] pair = arguments[i].split("=", 2);
      config.put(pair[0], pair[1]);
    }
    KafkaStreams streams = new KafkaStreams(ShopTopology.build(prefix, Integer.parseInt(arguments[1])), config);
    streams.setStateListener((now, before) -> say("state " + now));
    streams.setUncaughtExceptionHandler(
        error -> {
          say("exception " + describe(error));
          return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> say(streams.close(CLOSE_TIMEOUT) ? "closed" : "not closed in time")));
    streams.start();
  }

  private static String describe(Throwable error) {
    StringBuilder all = new StringBuilder();
    for (Throwable one = error; one != null; one = one.getCause()) {
      if (!all.isEmpty()) all.append(" <- ");
      all.append(one.getClass().getSimpleName()).append(": ").append(one.getMessage());
    }
    return all.toString().replace('\n', ' ');
  }

  private static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }
}
