package forebay;

import com.azure.json.JsonProviders;
import com.azure.json.JsonReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** One {@code forebay dev} process and, over restarts, its successors on the same folder and ports. Killed by its id. */
final class Server implements AutoCloseable {
    /** A slow machine may take its time; a server that is not ready by then is broken. */
    private static final int READY_SECONDS = 30;
    private static final int STOP_SECONDS = 20;

    final Path folder;
    private final List<String> arguments;
    private final Path logFile;
    private final Path readyFile;
    private String amqpPort = "0";
    private String httpPort = "0";
    private Process process;
    private Map<String, Object> ready;

    Server(Path folder, String... arguments) {
        this.folder = folder;
        this.arguments = List.of(arguments);
        logFile = folder.resolve("server.log");
        readyFile = folder.resolve("ready.json");
        // Also when the run is ended from outside.
        Runtime.getRuntime().addShutdownHook(new Thread(this::close));
    }

    static String binary() {
        var path = System.getenv("FOREBAY_BIN");
        if (path == null) {
            throw new IllegalStateException("FOREBAY_BIN names no server; run `cargo xtask interop java`");
        }
        return path;
    }

    /** Starts it, with more arguments for this time, and waits until every listener serves. */
    synchronized Server start(String... more) {
        if (process != null) {
            throw new IllegalStateException("already running");
        }
        var command = new ArrayList<>(List.of(
            binary(), "dev", "--listen", "127.0.0.1", "--amqp-port", amqpPort, "--http-port", httpPort,
            "--ready-file", readyFile.toString()));
        command.addAll(arguments);
        command.addAll(Arrays.asList(more));
        try {
            Files.deleteIfExists(readyFile);
            Files.writeString(
                logFile, "$ " + String.join(" ", command) + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            process = new ProcessBuilder(command)
                .redirectInput(Redirect.from(new File("/dev/null")))
                .redirectErrorStream(true)
                .redirectOutput(Redirect.appendTo(logFile.toFile()))
                .start();
            awaitReady();
            // The file appears whole: a reader never sees half of it.
            try (var reader = JsonProviders.createReader(Files.readString(readyFile))) {
                ready = reader.readMap(JsonReader::readUntyped);
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        // Whoever restarts us finds us where we were.
        amqpPort = portOf("amqp");
        httpPort = portOf("http");
        return this;
    }

    private void awaitReady() {
        var deadline = Wait.deadline(READY_SECONDS);
        while (!Files.exists(readyFile)) {
            if (!process.isAlive()) {
                var code = process.exitValue();
                process = null;
                throw new AssertionError("the server ended with " + code + " before it was ready:\n" + logTail());
            }
            if (System.nanoTime() > deadline) {
                kill();
                throw new AssertionError("the server was not ready in " + READY_SECONDS + " s:\n" + logTail());
            }
            Wait.nap(10);
        }
    }

    /** Asks it to stop (SIGTERM), and returns its exit code. */
    synchronized int stop() {
        var stopping = process;
        process = null;
        stopping.destroy();
        if (!exits(stopping)) {
            stopping.destroyForcibly();
            throw new AssertionError("the server did not stop in " + STOP_SECONDS + " s:\n" + logTail());
        }
        return stopping.exitValue();
    }

    /** SIGKILL: it cannot say goodbye. */
    synchronized void kill() {
        var killed = process;
        process = null;
        killed.destroyForcibly();
        if (!exits(killed)) {
            throw new AssertionError("the server outlived SIGKILL: process " + killed.pid());
        }
    }

    private static boolean exits(Process process) {
        try {
            return process.waitFor(STOP_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** Whatever state it is in, it is gone after this. */
    @Override
    public synchronized void close() {
        if (process != null) {
            kill();
        }
    }

    String logTail() {
        try {
            var lines = Files.readAllLines(logFile);
            return String.join("\n", lines.subList(Math.max(0, lines.size() - 20), lines.size()));
        } catch (IOException error) {
            return "no log: " + error;
        }
    }

    /** What the ready file says under a key. */
    Object ready(String key) {
        return ready.get(key);
    }

    private String portOf(String listener) {
        var address = (String) ready(listener);
        return address.substring(address.lastIndexOf(':') + 1);
    }

    int port() {
        return Integer.parseInt(amqpPort);
    }

    String connectionString() {
        return (String) ready("connection_string");
    }

    /** A part of the connection string, {@code SharedAccessKey} for instance. */
    String setting(String key) {
        for (var part : connectionString().split(";")) {
            if (part.startsWith(key + "=")) {
                return part.substring(key.length() + 1);
            }
        }
        throw new AssertionError(key + " is no part of " + connectionString());
    }

    /** Host and port as the connection string gives them. */
    String authority() {
        return URI.create(setting("Endpoint")).getAuthority();
    }

    /** Connections that it has open on its AMQP port, as Linux counts them. */
    long connections() {
        var local = ":%04X".formatted(port());
        try {
            return Files.readAllLines(Path.of("/proc/net/tcp")).stream()
                .map(line -> line.trim().split("\\s+"))
                // Number, local address, remote address, state; 01 is established, 08 half closed by the client.
                .filter(words -> words[1].endsWith(local) && List.of("01", "08").contains(words[3]))
                .count();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
