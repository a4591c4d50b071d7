package forebay;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;

/**
 * Servers and hubs for tests that ask for them by parameter: a {@link Server} or {@link Hub} of the durable server with a
 * generated key that all tests share, the same with {@link Plain} of the plain development mode, or {@link Own} for
 * servers that a test starts, stops and configures. Nothing of them is mocked.
 */
final class Servers implements ParameterResolver, TestExecutionExceptionHandler {
    /** What the plain development mode is known to accept, from the documentation, not from the ready file. */
    static final String WELL_KNOWN = "Endpoint=sb://127.0.0.1:%d/;SharedAccessKeyName=RootManageSharedAccessKey;"
        + "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;";

    private static final Namespace NAMESPACE = Namespace.create(Servers.class);
    private static final AtomicInteger NUMBERS = new AtomicInteger();

    /** Asks for the plain development mode: memory only, the well-known key. */
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.PARAMETER)
    @interface Plain {}

    /** Makes servers that end with the test. */
    static final class Own implements AutoCloseable {
        private final List<Server> servers = new ArrayList<>();

        /** A durable server with a generated key, not started yet. */
        Server durable(String... arguments) {
            var folder = temporaryFolder();
            var all = new ArrayList<>(List.of("--data", folder.resolve("data").toString(), "--generate-key"));
            all.addAll(List.of(arguments));
            return add(new Server(folder, all.toArray(String[]::new)));
        }

        /** A server in memory with the well-known key, not started yet. */
        Server plain(String... arguments) {
            return add(new Server(temporaryFolder(), arguments));
        }

        private synchronized Server add(Server server) {
            servers.add(server);
            return server;
        }

        @Override
        public synchronized void close() throws IOException {
            for (var server : servers) {
                server.close();
                // What a failed test needs of it has been printed.
                try (var paths = Files.walk(server.folder)) {
                    for (var path : paths.sorted(Comparator.reverseOrder()).toList()) {
                        Files.delete(path);
                    }
                }
            }
        }
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return List.of(Server.class, Hub.class, Own.class).contains(parameter.getParameter().getType());
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        var type = parameter.getParameter().getType();
        var plain = parameter.isAnnotated(Plain.class);
        if (type == Own.class) {
            return own(context);
        }
        var server = shared(plain, context);
        if (type == Server.class) {
            return server;
        }
        var connectionString = plain ? WELL_KNOWN.formatted(server.port()) : server.connectionString();
        return new Hub(connectionString, freshName(context));
    }

    /** A name that no other test knows; the hub is made on first use. */
    private static String freshName(ExtensionContext context) {
        var words = context.getRequiredTestMethod().getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
        return words + "-" + NUMBERS.incrementAndGet();
    }

    private static Own own(ExtensionContext context) {
        return context.getStore(NAMESPACE).getOrComputeIfAbsent("own", key -> new Own(), Own.class);
    }

    /** One server for the whole run; the root's store closes it at the end. */
    private static Server shared(boolean plain, ExtensionContext context) {
        var servers = context.getRoot().getStore(NAMESPACE).getOrComputeIfAbsent("shared", key -> new Own(), Own.class);
        return context.getRoot().getStore(NAMESPACE).getOrComputeIfAbsent(
            plain ? "plain" : "durable",
            key -> (plain ? servers.plain() : servers.durable()).start(),
            Server.class);
    }

    private static Path temporaryFolder() {
        try {
            var folder = Files.createDirectories(Path.of("target", "servers").toAbsolutePath());
            return Files.createTempDirectory(folder, "server-");
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** A failure comes with what the server said. */
    @Override
    public void handleTestExecutionException(ExtensionContext context, Throwable failure) throws Throwable {
        var told = new ArrayList<Server>();
        for (var name : List.of("plain", "durable")) {
            var server = context.getRoot().getStore(NAMESPACE).get(name, Server.class);
            if (server != null) {
                told.add(server);
            }
        }
        var own = context.getStore(NAMESPACE).get("own", Own.class);
        if (own != null && !own.servers.isEmpty()) {
            told.clear();
            told.addAll(own.servers);
        }
        for (var server : told) {
            System.err.println("--- " + context.getDisplayName() + ", log of " + server.folder + "\n" + server.logTail());
        }
        throw failure;
    }
}
