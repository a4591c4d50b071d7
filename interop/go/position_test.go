package interop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

var latest = position{Latest: to.Ptr(true)}

func atOffset(offset string, inclusive bool) position {
	return position{Offset: &offset, Inclusive: inclusive}
}

func atNumber(number int64, inclusive bool) position {
	return position{SequenceNumber: &number, Inclusive: inclusive}
}

func atTime(at time.Time, inclusive bool) position {
	return position{EnqueuedTime: &at, Inclusive: inclusive}
}

// sendApart sends events whose enqueued times differ, and returns what the server says about each.
func sendApart(hub *Hub, bodies ...string) []*event {
	for _, body := range bodies {
		hub.send("0", body)
		time.Sleep(5 * time.Millisecond)
	}
	return hub.read("0", earliest, len(bodies))
}

func TestEarliestGivesEverything(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "a", "b", "c")
	equal(t, "bodies", bodies(hub.read("0", earliest, 3)), []string{"a", "b", "c"})
}

func TestAnOffsetStartsAfterItOrWithIt(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	events := sendApart(hub, "a", "b", "c", "d")
	equal(t, "after", bodies(hub.read("0", atOffset(events[1].Offset, false), 2)), []string{"c", "d"})
	equal(t, "with", bodies(hub.read("0", atOffset(events[1].Offset, true), 3)), []string{"b", "c", "d"})
}

func TestASequenceNumberStartsAfterItOrWithIt(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "a", "b", "c", "d")
	equal(t, "after 1", bodies(hub.read("0", atNumber(1, false), 2)), []string{"c", "d"})
	equal(t, "with 1", bodies(hub.read("0", atNumber(1, true), 3)), []string{"b", "c", "d"})
	equal(t, "after 0", bodies(hub.read("0", atNumber(0, false), 3)), []string{"b", "c", "d"})
	equal(t, "with 0", bodies(hub.read("0", atNumber(0, true), 4)), []string{"a", "b", "c", "d"})
}

func TestATimeStartsAfterItOrWithIt(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	events := sendApart(hub, "a", "b", "c", "d")
	at := *events[1].EnqueuedTime
	isTrue(t, events[0].EnqueuedTime.Before(at) && at.Before(*events[2].EnqueuedTime), "sent apart")
	equal(t, "after", bodies(hub.read("0", atTime(at, false), 2)), []string{"c", "d"})
	equal(t, "with", bodies(hub.read("0", atTime(at, true), 3)), []string{"b", "c", "d"})
	equal(t, "long before", bodies(hub.read("0", atTime(time.Unix(1, 0), false), 4)), []string{"a", "b", "c", "d"})
}

func TestATimeAfterEverythingGivesWhatComes(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	old := sendApart(hub, "old")[0]
	client := hub.partition("0", &azeventhubs.PartitionClientOptions{
		StartPosition: atTime(old.EnqueuedTime.Add(time.Millisecond), false),
	})
	hub.send("0", "new")
	equal(t, "bodies", bodies(receive(t, client, 1)), []string{"new"})
}

func TestAPositionInsideABatchLandsOnItsEvent(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	sent := counted("", 50)
	hub.send("0", sent...)
	equal(t, "by number", bodies(hub.read("0", atNumber(39, false), 10)), sent[40:])
	equal(t, "by offset", bodies(hub.read("0", atOffset("39", true), 11)), sent[39:])
}

// The SDK opens its link with the first receive: only an event that arrives shows that it is open.
func TestLatestGivesNothingOldAndMissesNothingOnceAttached(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]*azeventhubs.PartitionClientOptions{
		"asked for": {StartPosition: latest}, "by default": nil,
		"inclusive": {StartPosition: position{Latest: to.Ptr(true), Inclusive: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := newHub(t)
			hub.send("0", "before 0", "before 1")
			client := hub.partition("0", options)
			first := make(chan []*event, 1)
			go func() {
				events, _ := tryReceive(within(t), client, 1)
				first <- events
			}()
			probes := 0
			until(t, "an event that was sent after the reader had attached", func() bool {
				hub.send("0", fmt.Sprintf("probe %d", probes))
				probes++
				return len(first) == 1
			})
			events := <-first
			equal(t, "events", len(events), 1)
			start := events[0].SequenceNumber
			isTrue(t, start >= 2, "number %d is old", start)
			equal(t, "the body", string(events[0].Body), fmt.Sprintf("probe %d", start-2))
			hub.send("0", counted("after ", 100)...)
			rest := receive(t, client, probes-int(start-2)-1+100)
			for at, event := range rest {
				equal(t, "number", event.SequenceNumber, start+1+int64(at))
			}
			equal(t, "the last 100", bodies(rest[len(rest)-100:]), counted("after ", 100))
		})
	}
}

func TestAReaderOfAnEmptyPartitionGetsItsFirstEvent(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	client := hub.partition("1", &azeventhubs.PartitionClientOptions{StartPosition: earliest})
	got := make(chan []*event, 1)
	go func() {
		events, _ := tryReceive(within(t), client, 1)
		got <- events
	}()
	time.Sleep(100 * time.Millisecond)
	hub.send("1", "first")
	equal(t, "bodies", bodies(arrives(t, "the event", got)), []string{"first"})
}

func TestANumberThatComesNextWaitsForItsEvent(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "a", "b")
	client := hub.partition("0", &azeventhubs.PartitionClientOptions{StartPosition: atNumber(2, true)})
	got := make(chan []*event, 1)
	go func() {
		events, _ := tryReceive(within(t), client, 1)
		got <- events
	}()
	time.Sleep(100 * time.Millisecond)
	hub.send("0", "c")
	equal(t, "bodies", bodies(arrives(t, "the event", got)), []string{"c"})
}

func TestAPositionBeyondTheEndIsRefusedAndTheTextGivesBothNumbers(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]position{
		"2": atNumber(2, false), "3": atNumber(3, true), "1000": atNumber(1000, false),
		"offset 2": atOffset("2", false), "offset 1000": atOffset("1000", true),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := newHub(t)
			hub.send("0", "a", "b") // the last number is 1
			client := hub.partition("0", &azeventhubs.PartitionClientOptions{StartPosition: from})
			events, err := tryReceive(within(t), client, 1)
			equal(t, "events", len(events), 0)
			// The SDK knows no code for a position; it gives up on the connection and keeps the text.
			equal(t, "code", code(err), azeventhubs.ErrorCodeConnectionLost)
			text := err.Error()
			isTrue(t, strings.Contains(text, "com.microsoft:argument-error"), "%s", text)
			isTrue(t, strings.Contains(text, strings.TrimPrefix(name, "offset ")) && strings.Contains(text, "1"), "%s", text)
		})
	}
}

func TestAnOffsetThatIsNoNumberIsRefused(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "a")
	client := hub.partition("0", &azeventhubs.PartitionClientOptions{StartPosition: atOffset("not-a-number", false)})
	_, err := tryReceive(within(t), client, 1)
	isTrue(t, err != nil && strings.Contains(err.Error(), "com.microsoft:argument-error"), "%v", err)
}

func TestAnyPrefetchGivesEverythingInOrder(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	sent := counted("", 60)
	hub.send("0", sent...)
	for _, prefetch := range []int32{-1, 1, 7, 5000} {
		t.Run(fmt.Sprint(prefetch), func(t *testing.T) {
			client := hub.partition("0", &azeventhubs.PartitionClientOptions{StartPosition: earliest, Prefetch: prefetch})
			var found []string
			for _, count := range []int{1, 20, 9, 30} {
				found = append(found, bodies(receive(t, client, count))...)
			}
			equal(t, "bodies", found, sent)
		})
	}
}

func TestAReceiveThatTimesOutLosesNothing(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "a", "b", "c")
	client := hub.partition("0", &azeventhubs.PartitionClientOptions{StartPosition: earliest, Prefetch: -1})
	found := bodies(receive(t, client, 1))
	ctx, cancel := contextFor(300 * time.Millisecond)
	defer cancel()
	events, err := client.ReceiveEvents(ctx, 5, nil)
	isTrue(t, ctx.Err() != nil && len(events) < 5, "five events came, where there were two: %v", bodies(events))
	isTrue(t, len(events) > 0 || errors.Is(err, context.DeadlineExceeded), "%v", err)
	found = append(found, bodies(events)...)
	hub.send("0", "d", "e", "f")
	found = append(found, bodies(receive(t, client, 6-len(found)))...)
	equal(t, "bodies", found, []string{"a", "b", "c", "d", "e", "f"})
}

func TestTwoGroupsReadTheSameEventsAndTheDefaultOneIsFoundInAnyCase(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "a", "b")
	for _, group := range []string{"billing", "$Default", "$default"} {
		client := partitionOf(t, hub.consumerOf(group, ""), "0", &azeventhubs.PartitionClientOptions{StartPosition: earliest})
		equal(t, group, bodies(receive(t, client, 2)), []string{"a", "b"})
	}
}

func TestAHubIsFoundInAnyCase(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "a")
	upper := hubAt(t, hub.Connection, strings.ToUpper(hub.Name))
	upper.send("0", "b")
	equal(t, "bodies", bodies(hub.read("0", earliest, 2)), []string{"a", "b"})
	equal(t, "bodies", bodies(upper.read("0", earliest, 2)), []string{"a", "b"})
}

func TestOneConsumerReadsEveryPartitionAtOnce(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	for _, partition := range partitions {
		hub.send(partition, counted(partition+".", 40)...)
	}
	consumer := hub.consumer()
	together(t, len(partitions), func(number int) error {
		partition := partitions[number]
		client := partitionOf(t, consumer, partition, &azeventhubs.PartitionClientOptions{StartPosition: earliest})
		events, err := tryReceive(within(t), client, 40)
		if err == nil && fmt.Sprint(bodies(events)) != fmt.Sprint(counted(partition+".", 40)) {
			err = fmt.Errorf("partition %s gave %v", partition, bodies(events))
		}
		return err
	})
}
