package interop

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

// running is a processor at work: it keeps what it is given, and notes a checkpoint when it is told to.
type running struct {
	mutex sync.Mutex
	// Bodies by partition, and the partitions that were opened and that others took away.
	got          map[string][]string
	opened, lost []string
	failures     []error

	instance   string
	checkpoint func(*event) bool
	cancel     context.CancelFunc
	done       chan error
}

func run(
	hub *Hub, store azeventhubs.CheckpointStore, options azeventhubs.ProcessorOptions, checkpoint func(*event) bool,
) *running {
	hub.t.Helper()
	consumer := hub.consumer()
	options.UpdateInterval = 200 * time.Millisecond
	options.PartitionExpirationDuration = time.Minute
	processor := must(azeventhubs.NewProcessor(consumer, store, &options))(hub.t)
	ctx, cancel := context.WithCancel(context.Background())
	one := &running{
		got: map[string][]string{}, instance: consumer.InstanceID(), checkpoint: checkpoint,
		cancel: cancel, done: make(chan error, 1),
	}
	hub.t.Cleanup(cancel)
	go func() { one.done <- processor.Run(ctx) }()
	go func() {
		for client := processor.NextPartitionClient(ctx); client != nil; client = processor.NextPartitionClient(ctx) {
			go one.work(ctx, client)
		}
	}()
	return one
}

func (r *running) work(ctx context.Context, client *azeventhubs.ProcessorPartitionClient) {
	partition := client.PartitionID()
	r.note(func() { r.opened = append(r.opened, partition) })
	defer func() {
		ctx, cancel := contextFor(waitTime)
		defer cancel()
		_ = client.Close(ctx)
	}()
	for {
		events, err := client.ReceiveEvents(ctx, 1, nil)
		for _, event := range events {
			// First the checkpoint: what a test sees here is never given to another.
			if r.checkpoint != nil && r.checkpoint(event) {
				if err := client.UpdateCheckpoint(ctx, event, nil); err != nil {
					r.note(func() { r.failures = append(r.failures, err) })
				}
			}
			r.note(func() { r.got[partition] = append(r.got[partition], string(event.Body)) })
		}
		switch {
		case ctx.Err() != nil:
			return
		case code(err) == azeventhubs.ErrorCodeOwnershipLost:
			r.note(func() { r.lost = append(r.lost, partition) })
			return
		case err != nil:
			r.note(func() { r.failures = append(r.failures, err) })
			return
		}
	}
}

func (r *running) note(change func()) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	change()
}

// stop ends the processor as a program would, and expects no error.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	check(t, arrives(t, "the processor to end", r.done))
	r.note(func() { isTrue(t, len(r.failures) == 0, "failures: %v", r.failures) })
}

func (r *running) bodies(partition string) (found []string) {
	r.note(func() { found = slices.Clone(r.got[partition]) })
	return found
}

func (r *running) all() (found []string) {
	r.note(func() {
		for _, bodies := range r.got {
			found = append(found, bodies...)
		}
	})
	slices.Sort(found)
	return found
}

func fairly(store *memoryStore, shares ...int) func() bool {
	return func() bool { return slices.Equal(slices.Sorted(maps.Values(store.shares())), shares) }
}

var fromStart = azeventhubs.ProcessorOptions{StartPositions: azeventhubs.StartPositions{Default: earliest}}

func always(*event) bool { return true }

func TestTwoProcessorsBalanceFourPartitionsAndMissNothing(t *testing.T) {
	t.Parallel()
	for _, strategy := range []azeventhubs.ProcessorStrategy{
		azeventhubs.ProcessorStrategyBalanced, azeventhubs.ProcessorStrategyGreedy,
	} {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			hub, store, options := newHub(t), newMemoryStore(), fromStart
			options.LoadBalancingStrategy = strategy
			var sent []string
			send := func(when string) {
				for _, partition := range partitions {
					bodies := counted(when+" "+partition+".", 5)
					hub.send(partition, bodies...)
					sent = append(sent, bodies...)
				}
			}
			send("alone")
			first := run(hub, store, options, always)
			until(t, "one owner of all four", fairly(store, 4))
			until(t, "what was sent before", func() bool { return len(first.all()) == len(sent) })
			second := run(hub, store, options, always)
			until(t, "a fair share for each", fairly(store, 2, 2))
			until(t, "the second one to open its partitions", func() bool { return len(opened(second)) == 2 })
			until(t, "the first one to be told what it lost", func() bool { return len(lostOf(first)) == 2 })
			shares := store.shares()
			equal(t, "partitions that changed hands", lostOf(first), opened(second))
			send("shared")
			slices.Sort(sent)
			until(t, "every event at one of the two", func() bool { return len(first.all())+len(second.all()) >= len(sent) })
			both := append(first.all(), second.all()...)
			slices.Sort(both)
			equal(t, "every event once, since each was noted", both, sent)
			for _, partition := range partitions {
				shared := counted("shared "+partition+".", 5)
				if slices.Contains(opened(second), partition) {
					equal(t, "partition "+partition+" of the second", second.bodies(partition), shared)
				} else {
					after := first.bodies(partition)
					equal(t, "partition "+partition+" of the first", after[len(after)-5:], shared)
				}
			}
			equal(t, "shares", store.shares(), shares)
			first.stop(t)
			second.stop(t)
		})
	}
}

func opened(r *running) (found []string) {
	r.note(func() { found = slices.Sorted(slices.Values(r.opened)) })
	return found
}

func lostOf(r *running) (found []string) {
	r.note(func() { found = slices.Sorted(slices.Values(r.lost)) })
	return found
}

func TestAProcessorThatLeavesIsReplacedByTheOther(t *testing.T) {
	t.Parallel()
	hub, store := newHub(t), newMemoryStore()
	stays := run(hub, store, fromStart, always)
	until(t, "one owner of all four", fairly(store, 4))
	leaves := run(hub, store, fromStart, always)
	until(t, "a fair share for each", fairly(store, 2, 2))
	leaves.stop(t)
	until(t, "one owner of all four again", fairly(store, 4))
	for _, partition := range partitions {
		hub.send(partition, "late "+partition)
	}
	expected := counted("late ", 4)
	until(t, "the events of all four", func() bool { return slices.Equal(stays.all(), expected) })
	equal(t, "owner", store.shares(), map[string]int{stays.instance: 4})
	stays.stop(t)
}

func TestACheckpointIsWhereTheNextProcessorStarts(t *testing.T) {
	t.Parallel()
	hub, store := newHub(t), newMemoryStore()
	hub.send("0", counted("", 10)...)
	first := run(hub, store, fromStart, func(event *event) bool { return event.SequenceNumber == 5 })
	until(t, "ten events", func() bool { return len(first.bodies("0")) == 10 })
	first.stop(t)
	second := run(hub, store, fromStart, nil)
	until(t, "the rest", func() bool { return len(second.bodies("0")) >= 4 })
	equal(t, "events after the checkpoint", second.bodies("0"), []string{"6", "7", "8", "9"})
	second.stop(t)
}

func TestEachPartitionMayStartElsewhere(t *testing.T) {
	t.Parallel()
	hub, store := newHub(t), newMemoryStore()
	for _, partition := range partitions {
		hub.send(partition, counted(partition+".", 4)...)
	}
	options := azeventhubs.ProcessorOptions{StartPositions: azeventhubs.StartPositions{
		Default: earliest,
		PerPartition: map[string]position{
			"1": atNumber(1, false), "2": atOffset("3", true), "3": latest,
		},
	}}
	one := run(hub, store, options, nil)
	until(t, "all four to be open", func() bool { return len(opened(one)) == 4 })
	hub.send("3", "3.new")
	until(t, "what was asked for", func() bool { return len(one.all()) >= 4+2+1+1 })
	found := map[string]string{}
	for _, partition := range partitions {
		found[partition] = fmt.Sprint(strings.Join(one.bodies(partition), " "))
	}
	equal(t, "bodies", found, map[string]string{"0": "0.0 0.1 0.2 0.3", "1": "1.2 1.3", "2": "2.3", "3": "3.new"})
	one.stop(t)
}
