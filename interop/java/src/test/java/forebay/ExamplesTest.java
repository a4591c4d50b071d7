package forebay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import forebay.Servers.Plain;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The first programs in examples/java, run as they stand in their files. */
@ExtendWith(Servers.class)
class ExamplesTest {
    private static final Path EXAMPLES = Path.of("../../examples/java");

    private static Path source(String name) {
        return EXAMPLES.resolve("src/main/java/" + name + ".java");
    }

    /** A program that runs; what it prints is in a file. */
    private record Program(Process process, Path output) implements AutoCloseable {
        static Program start(String name, Hub hub) throws IOException {
            var output = Files.createTempFile(Path.of("target"), "example-" + name + "-", ".txt");
            var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
            // It is compiled as it starts, and ends before a second compilation would pay.
            var builder = new ProcessBuilder(
                java, "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"), source(name).toString());
            builder.environment().put("EVENTHUB_CONNECTION_STRING", hub.connectionString());
            builder.environment().put("EVENTHUB_NAME", hub.name());
            return new Program(builder.redirectErrorStream(true).redirectOutput(output.toFile()).start(), output);
        }

        String text() {
            try {
                return Files.readString(output);
            } catch (IOException error) {
                throw new AssertionError(error);
            }
        }

        List<String> lines() {
            return text().lines().toList();
        }

        @Override
        public void close() {
            process.destroyForcibly();
        }
    }

    @Test
    void whatSendSendsReadAndProcessorPrint(@Plain Hub hub) throws Exception {
        try (var send = Program.start("Send", hub)) {
            assertTrue(send.process().waitFor(Wait.DEADLINE.toSeconds(), TimeUnit.SECONDS), send::text);
            assertEquals(0, send.process().exitValue(), send::text);
            assertEquals(List.of("sent 3 events"), send.lines());
        }
        var stored = hub.readAll().entrySet().stream().filter(entry -> !entry.getValue().isEmpty()).toList();
        assertEquals(1, stored.size(), "one key, one partition");
        var partition = stored.get(0).getKey();
        var expected = List.of(partition + "/0 one", partition + "/1 two", partition + "/2 three");
        // One after the other: a processor takes the partitions from readers.
        for (var name : List.of("Read", "Processor")) {
            try (var program = Program.start(name, hub)) {
                Wait.until(
                    () -> program.lines().size() >= 3 || !program.process().isAlive(), () -> "it printed " + program.text());
                assertEquals(expected, program.lines());
            }
        }
    }

    @Test
    void theyUseTheSdkThatTheSuiteProvesAndTheWellKnownConnectionString() throws IOException {
        assertEquals(sdkVersion(Path.of("pom.xml")), sdkVersion(EXAMPLES.resolve("pom.xml")));
        var wellKnown = Servers.WELL_KNOWN.replace("127.0.0.1:%d/", "localhost").replaceFirst(";$", "");
        for (var name : List.of("Send", "Read", "Processor")) {
            assertTrue(Files.readString(source(name)).contains('"' + wellKnown + '"'), name);
        }
    }

    private static String sdkVersion(Path pom) throws IOException {
        var version = Pattern.compile("<artifactId>azure-messaging-eventhubs</artifactId>\\s*<version>([^<]+)</version>")
            .matcher(Files.readString(pom));
        assertTrue(version.find(), () -> "no SDK in " + pom);
        return version.group(1);
    }
}
