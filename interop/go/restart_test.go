package interop

import (
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

func TestAcknowledgedEventsSurviveARestart(t *testing.T) {
	t.Parallel()
	for _, durability := range []string{"disk", "os"} {
		t.Run(durability, func(t *testing.T) {
			t.Parallel()
			server := ownServer(t, "--durability", durability)
			equal(t, "durability", server.Ready.Durability, durability)
			told := server.Ready.ConnectionString
			hub := hubAt(t, told, "orders")
			hub.send("1", "a", "b")
			before := hub.read("1", earliest, 2)
			born := must(hub.consumer().GetEventHubProperties(within(t), nil))(t).CreatedOn
			restart(t, server)
			equal(t, "connection string", server.Ready.ConnectionString, told)
			hub = hubAt(t, told, "orders")
			hub.send("1", "c")
			events := hub.read("1", earliest, 3)
			equal(t, "bodies", bodies(events), []string{"a", "b", "c"})
			equal(t, "numbers", numbers(events), upTo(3))
			isTrue(t, events[0].EnqueuedTime.Equal(*before[0].EnqueuedTime), "another time")
			isTrue(t, !events[2].EnqueuedTime.Before(*events[1].EnqueuedTime), "time went back")
			again := must(hub.consumer().GetEventHubProperties(within(t), nil))(t).CreatedOn
			isTrue(t, again.Equal(born), "another birthday")
		})
	}
}

func TestManyRestartsCountOn(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	var sent []string
	for cycle := range 4 {
		mine := counted(fmt.Sprintf("%d.", cycle), 2)
		hubAt(t, server.Ready.ConnectionString, "orders").send("0", mine...)
		sent = append(sent, mine...)
		restart(t, server)
	}
	events := hubAt(t, server.Ready.ConnectionString, "orders").read("0", earliest, 8)
	equal(t, "bodies", bodies(events), sent)
	equal(t, "numbers", numbers(events), upTo(8))
}

func TestAnOpenSenderGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	hub := hubAt(t, server.Ready.ConnectionString, "orders")
	hub.retry = patient
	hub.send("0", "before")
	client := hub.sender
	restart(t, server)
	check(t, trySend(within(t), client, toPartition("0"), newEvent("after")))
	equal(t, "properties", hub.properties(client, "0").LastEnqueuedSequenceNumber, int64(1))
	equal(t, "bodies", bodies(hub.read("0", earliest, 2)), []string{"before", "after"})
}

func TestAnOpenReaderGoesOnAfterARestartAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	hub := hubAt(t, server.Ready.ConnectionString, "orders")
	hub.retry = patient
	hub.send("0", "before 0", "before 1")
	client := hub.partition("0", &azeventhubs.PartitionClientOptions{StartPosition: earliest})
	equal(t, "before", bodies(receive(t, client, 2)), counted("before ", 2))
	got := make(chan []*event, 1)
	go func() {
		events, _ := tryReceive(within(t), client, 2)
		got <- events
	}()
	time.Sleep(50 * time.Millisecond) // it waits inside the SDK when the server goes
	restart(t, server)
	hub.send("0", "after 0", "after 1")
	equal(t, "after", bodies(arrives(t, "what was sent after the restart", got)), counted("after ", 2))
}

func TestAProcessorGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	hub := hubAt(t, server.Ready.ConnectionString, "orders")
	hub.retry = patient
	store := newMemoryStore()
	one := run(hub, store, fromStart, always)
	until(t, "one owner of all four", fairly(store, 4))
	hub.send("2", "before")
	until(t, "the event before", func() bool { return len(one.bodies("2")) == 1 })
	restart(t, server)
	for _, partition := range partitions {
		hub.send(partition, "after")
	}
	until(t, "the events after", func() bool { return len(one.all()) == 5 })
	equal(t, "partition 2", one.bodies("2"), []string{"before", "after"})
	one.stop(t)
}
