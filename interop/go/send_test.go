package interop

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

func TestASingleEventIsReadBack(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	check(t, trySend(within(t), hub.producer(), toPartition("2"), newEvent("one")))
	event := hub.read("2", earliest, 1)[0]
	equal(t, "body", string(event.Body), "one")
	equal(t, "number", event.SequenceNumber, int64(0))
	equal(t, "offset", event.Offset, "0")
}

func TestABatchIsReadBackInOrder(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	sent := counted("event ", 250)
	hub.send("3", sent...)
	events := hub.read("3", earliest, 250)
	equal(t, "bodies", bodies(events), sent)
	equal(t, "numbers", numbers(events), upTo(250))
}

func TestOneClientSendsToEveryPartitionThatIsNamed(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	for _, partition := range partitions {
		hub.send(partition, counted(partition+"-", 3)...)
	}
	found := hub.readAll()
	for _, partition := range partitions {
		equal(t, "partition "+partition, bodies(found[partition]), counted(partition+"-", 3))
	}
}

func TestAFullBatchSaysNoAndIsAcceptedWhole(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	client := hub.producer()
	batch := must(client.NewEventDataBatch(within(t), toPartition("0")))(t)
	var sent [][]byte
	for {
		body := bytes.Repeat([]byte{byte(len(sent))}, 1000)
		err := batch.AddEventData(&azeventhubs.EventData{Body: body}, nil)
		if errors.Is(err, azeventhubs.ErrEventDataTooLarge) {
			break
		}
		check(t, err)
		sent = append(sent, body)
	}
	isTrue(t, batch.NumBytes() > limit-1100 && batch.NumBytes() <= limit, "%d bytes", batch.NumBytes())
	equal(t, "events in the batch", int(batch.NumEvents()), len(sent))
	check(t, client.SendEventDataBatch(within(t), batch, nil))
	for number, event := range hub.read("0", earliest, len(sent)) {
		isTrue(t, bytes.Equal(event.Body, sent[number]), "event %d is another", number)
	}
}

func TestAnEmptyBodyAndALargeOneAreReadBackAsSent(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	large := strings.Repeat("0123456789abcdef", 32*1024) // 512 KiB: several frames each way
	hub.send("0", "")
	hub.send("0", large)
	hub.send("0", "after")
	isTrue(t, slices.Equal(bodies(hub.read("0", earliest, 3)), []string{"", large, "after"}), "other bodies")
}

// Partitions of four, from the vectors of docs/reference/amqp.md §9.1.
var keys = map[string]string{
	"7": "3", "131": "2", "7149583486996073602": "1", "FWfAT": "1", "sOdeEAsyQoEuEFPGerWO": "3", "a": "0", "abc": "1",
	"device-42": "0", "123456789012": "1", "1234567890123": "2", "order-0001-long-partition-key-value": "1",
	"contoso": "0", "Straße": "2", "sensor/北京": "1", "PartitionKey": "0",
}

func TestABatchGoesWhereTheHashOfItsKeySaysAndCarriesTheKey(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	client := hub.producer()
	for key := range keys {
		check(t, trySend(within(t), client, withKey(key), newEvents(key+"|1", key+"|2")...))
	}
	where := map[string]string{}
	for partition, events := range hub.readAll() {
		for _, event := range events {
			key, _, _ := strings.Cut(string(event.Body), "|")
			isTrue(t, event.PartitionKey != nil && *event.PartitionKey == key, "%s has another key", event.Body)
			where[string(event.Body)] = partition
		}
	}
	equal(t, "events", len(where), 2*len(keys))
	for key, partition := range keys {
		equal(t, key+"|1", where[key+"|1"], partition)
		equal(t, key+"|2", where[key+"|2"], partition)
	}
}

func TestEventsOfOneKeyStayInOrderOnOnePartition(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	client := hub.producer()
	names := []string{"alpha", "beta", "gamma", "delta", "epsilon"}
	for number := range 20 {
		for _, key := range names {
			check(t, trySend(within(t), client, withKey(key), newEvent(fmt.Sprintf("%s %d", key, number))))
		}
	}
	places := map[string]map[string][]string{}
	for partition, events := range hub.readAll() {
		for _, event := range events {
			key := *event.PartitionKey
			if places[key] == nil {
				places[key] = map[string][]string{}
			}
			places[key][partition] = append(places[key][partition], string(event.Body))
		}
	}
	for _, key := range names {
		equal(t, "partitions of "+key, len(places[key]), 1)
		for _, found := range places[key] {
			equal(t, key, found, counted(key+" ", 20))
		}
	}
}

func TestBatchesWithoutAKeyReachEveryPartitionAndStayWhole(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	client := hub.producer()
	for number := range 16 {
		check(t, trySend(within(t), client, nil, newEvents(counted(fmt.Sprintf("%d.", number), 3)...)...))
	}
	var found []string
	for partition, events := range hub.readAll() {
		isTrue(t, len(events) > 0, "partition %s got nothing", partition)
		for at := 0; at < len(events); at += 3 {
			batch, _, _ := strings.Cut(string(events[at].Body), ".")
			equal(t, "a batch in one piece", bodies(events[at:at+3]), counted(batch+".", 3))
			found = append(found, batch)
		}
	}
	slices.Sort(found)
	isTrue(t, len(slices.Compact(found)) == 16, "each batch once: %v", found)
}

func TestTheFirstEventOfABatchLendsItsPropertiesToNoOther(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	contentType := "text/plain"
	first := newEvent("first")
	first.Properties = map[string]any{"mine": "alone"}
	first.ContentType = &contentType
	// The SDK makes the batch's envelope from its first event.
	check(t, trySend(within(t), hub.producer(), toPartition("0"), first, newEvent("second")))
	events := hub.read("0", earliest, 2)
	equal(t, "the first one's", events[0].Properties, map[string]any{"mine": "alone"})
	equal(t, "the second one's", events[1].Properties, map[string]any(nil))
	isTrue(t, events[0].ContentType != nil && events[1].ContentType == nil, "the content type strayed")
	isTrue(t, *events[0].MessageID != *events[1].MessageID, "the SDK gives each event an id of its own")
}

func TestManyEventsOfManyFramesKeepTheirOrderOnEachPartition(t *testing.T) {
	t.Parallel()
	const batches, each = 12, 250
	hub := newHub(t)
	client := hub.producer()
	padding := strings.Repeat(".", 500) // a batch is 130 KB: several frames
	together(t, len(partitions), func(partition int) error {
		for batch := range batches {
			var events []*azeventhubs.EventData
			for number := range each {
				events = append(events, newEvent(fmt.Sprintf("%d/%05d%s", partition, batch*each+number, padding)))
			}
			if err := trySend(within(t), client, toPartition(partitions[partition]), events...); err != nil {
				return err
			}
		}
		return nil
	})
	for partition, events := range hub.readAll() {
		equal(t, "events of "+partition, len(events), batches*each)
		for number, event := range events {
			expected := fmt.Sprintf("%s/%05d%s", partition, number, padding)
			isTrue(t, string(event.Body) == expected, "%d is %.20s", number, event.Body)
		}
	}
}

func TestManySendersAtOnceLoseNothingAndKeepTheirOwnOrder(t *testing.T) {
	t.Parallel()
	const senders, each = 6, 25
	hub := newHub(t)
	var clients []*azeventhubs.ProducerClient
	for range senders {
		clients = append(clients, hub.producer())
	}
	together(t, senders, func(sender int) error {
		for number := range each {
			event := newEvent(fmt.Sprintf("%d/%d", sender, number))
			if err := trySend(within(t), clients[sender], toPartition("0"), event); err != nil {
				return err
			}
		}
		return nil
	})
	events := hub.read("0", earliest, senders*each)
	equal(t, "numbers", numbers(events), upTo(senders*each))
	for sender := range senders {
		var mine []string
		for _, body := range bodies(events) {
			if strings.HasPrefix(body, fmt.Sprintf("%d/", sender)) {
				mine = append(mine, body)
			}
		}
		equal(t, "one sender's", mine, counted(fmt.Sprintf("%d/", sender), each))
	}
}
