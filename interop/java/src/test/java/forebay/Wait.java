package forebay;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Waiting, always with a deadline. */
final class Wait {
    static final Duration DEADLINE = Duration.ofSeconds(30);

    /**
     * A processor of this SDK that loses a partition waits ten seconds for its own thread before it goes on (a pump's
     * {@code close} runs on the scheduler that it waits for); it may do so twice in a test.
     */
    static final Duration PROCESSORS_DEADLINE = Duration.ofSeconds(60);

    private Wait() {}

    /** The moment so many seconds from now, on the clock of {@link System#nanoTime}. */
    static long deadline(long seconds) {
        return System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    }

    static void nap(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", interrupted);
        }
    }

    /** Waits until the condition holds, or fails with what it was and how things stand. */
    static void until(BooleanSupplier condition, Supplier<String> what) {
        until(DEADLINE, condition, what);
    }

    static void until(Duration patience, BooleanSupplier condition, Supplier<String> what) {
        var deadline = deadline(patience.toSeconds());
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("did not happen in " + patience.toSeconds() + " s: " + what.get());
            }
            nap(10);
        }
    }
}
