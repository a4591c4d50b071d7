package interop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

func level(number int64) *int64 { return &number }

// reader is a client with an owner level, or with none, from the beginning.
func reader(hub *Hub, name string, owner *int64) *azeventhubs.PartitionClient {
	hub.t.Helper()
	return partitionOf(hub.t, hub.consumerOf("$Default", name), "0", &azeventhubs.PartitionClientOptions{
		StartPosition: earliest, OwnerLevel: owner,
	})
}

// reading is one that is known to be attached: it has received what is there.
func reading(hub *Hub, name string, owner *int64) *azeventhubs.PartitionClient {
	hub.t.Helper()
	client := reader(hub, name, owner)
	equal(hub.t, "what is there", bodies(receive(hub.t, client, 1)), []string{"there"})
	return client
}

// refused is the error of one that must not be let in.
func refused(hub *Hub, name string, owner *int64) error {
	hub.t.Helper()
	events, err := tryReceive(within(hub.t), reader(hub, name, owner), 1)
	equal(hub.t, "events of a refused reader", len(events), 0)
	isTrue(hub.t, err != nil, "it was not refused")
	return err
}

// lost is the error of one that was put out.
func lost(t *testing.T, client *azeventhubs.PartitionClient) error {
	t.Helper()
	events, err := tryReceive(within(t), client, 1)
	equal(t, "events of the one that was put out", len(events), 0)
	equal(t, "code", code(err), azeventhubs.ErrorCodeOwnershipLost)
	isTrue(t, strings.Contains(err.Error(), "amqp:link:stolen"), "%v", err)
	return err
}

func goesOn(hub *Hub, client *azeventhubs.PartitionClient) {
	hub.t.Helper()
	hub.send("0", "after")
	equal(hub.t, "what comes after", bodies(receive(hub.t, client, 1)), []string{"after"})
}

func TestAHigherOrEqualLevelTakesOverAndTheOlderReaderIsTold(t *testing.T) {
	t.Parallel()
	for _, levels := range [][2]int64{{1, 2}, {1, 1}, {0, 0}, {0, 10}} {
		t.Run(fmt.Sprint(levels), func(t *testing.T) {
			t.Parallel()
			hub := newHub(t)
			hub.send("0", "there")
			loser := reading(hub, "the-loser", &levels[0])
			winner := reading(hub, "the-winner", &levels[1])
			text := lost(t, loser).Error()
			isTrue(t, strings.Contains(text, "the-loser") && strings.Contains(text, "the-winner"), "both are named: %s", text)
			goesOn(hub, winner)
		})
	}
}

func TestALowerLevelIsRefusedAndTheHolderReadsOn(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "there")
	holder := reading(hub, "the-holder", level(50))
	err := refused(hub, "the-late-one", level(49))
	// The SDK has a code only for a link that was open: this one never was.
	equal(t, "code", code(err), azeventhubs.ErrorCodeConnectionLost)
	for _, part := range []string{"amqp:link:stolen", "50", "49", "the-holder", "the-late-one"} {
		isTrue(t, strings.Contains(err.Error(), part), "%q is missing in: %v", part, err)
	}
	goesOn(hub, holder)
}

func TestAReaderWithoutALevelIsPutOutByOneWithALevel(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "there")
	free := reading(hub, "free", nil)
	exclusive := reading(hub, "exclusive", level(0))
	lost(t, free)
	goesOn(hub, exclusive)
}

func TestAReaderWithoutALevelIsRefusedWhileOneWithALevelReads(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "there")
	exclusive := reading(hub, "exclusive", level(0))
	err := refused(hub, "free", nil)
	isTrue(t, strings.Contains(err.Error(), "amqp:link:stolen"), "%v", err)
	goesOn(hub, exclusive)
}

func TestTheLevelEndsWithItsLink(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "there")
	closeNow(t, reading(hub, "once", level(9)))
	closeNow(t, reading(hub, "free", nil))
	goesOn(hub, reading(hub, "lower", level(1)))
}

func TestLevelsHoldForOnePartitionAndOneGroup(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "there")
	hub.send("1", "one")
	holder := reading(hub, "holder", level(5))
	options := &azeventhubs.PartitionClientOptions{StartPosition: earliest, OwnerLevel: to.Ptr(int64(1))}
	other := partitionOf(t, hub.consumer(), "1", options)
	equal(t, "partition 1", bodies(receive(t, other, 1)), []string{"one"})
	group := partitionOf(t, hub.consumerOf("other", ""), "0", options)
	equal(t, "another group", bodies(receive(t, group, 1)), []string{"there"})
	goesOn(hub, holder)
}

func TestFiveReadersWithoutALevelAreAllowedAndASixthIsRefused(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "there")
	var readers []*azeventhubs.PartitionClient
	for number := range 5 {
		readers = append(readers, reading(hub, fmt.Sprintf("reader-%d", number), nil))
	}
	err := refused(hub, "reader-6", nil)
	equal(t, "condition", condition(err), "amqp:resource-limit-exceeded")
	for _, part := range []string{"5", "reader-0", "reader-4"} {
		isTrue(t, strings.Contains(err.Error(), part), "%q is missing in: %v", part, err)
	}
	hub.send("0", "after")
	for _, reader := range readers {
		equal(t, "what comes after", bodies(receive(t, reader, 1)), []string{"after"})
	}
}
