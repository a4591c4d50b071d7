package interop

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

func TestTheLinkTellsTheLimitAndTheSDKHoldsBatchesToIt(t *testing.T) {
	t.Parallel()
	client := newHub(t).producer()
	_ = must(client.NewEventDataBatch(within(t), &azeventhubs.EventDataBatchOptions{MaxBytes: limit}))(t)
	_, err := client.NewEventDataBatch(within(t), &azeventhubs.EventDataBatchOptions{MaxBytes: limit + 1})
	isTrue(t, err != nil && strings.Contains(err.Error(), fmt.Sprint(limit)), "the limit is named: %v", err)
}

// fill adds an event that makes a batch so large, and returns its body. A twin of the batch tells what an event costs
// beside its body.
func fill(t *testing.T, batch, twin *azeventhubs.EventDataBatch, size int) []byte {
	t.Helper()
	before := int(twin.NumBytes())
	check(t, twin.AddEventData(newEvent(strings.Repeat("x", 1000)), nil))
	overhead := int(twin.NumBytes()) - before - 1000
	body := bytes.Repeat([]byte("x"), size-int(batch.NumBytes())-overhead)
	check(t, batch.AddEventData(&azeventhubs.EventData{Body: body}, nil))
	equal(t, "size of the batch", int(batch.NumBytes()), size)
	return body
}

func TestABatchAtTheLimitIsAcceptedAndReadBack(t *testing.T) {
	t.Parallel()
	for _, first := range [][]string{nil, {"first"}, {"first", "second"}} {
		t.Run(fmt.Sprintf("after %d events", len(first)), func(t *testing.T) {
			t.Parallel()
			hub := newHub(t)
			client := hub.producer()
			batch := must(client.NewEventDataBatch(within(t), toPartition("0")))(t)
			twin := must(client.NewEventDataBatch(within(t), toPartition("0")))(t)
			for _, event := range newEvents(first...) {
				check(t, batch.AddEventData(event, nil))
				check(t, twin.AddEventData(event, nil))
			}
			large := fill(t, batch, twin, limit)
			check(t, client.SendEventDataBatch(within(t), batch, nil))
			events := hub.read("0", earliest, len(first)+1)
			equal(t, "the small ones", bodies(events[:len(first)]), append([]string{}, first...))
			isTrue(t, bytes.Equal(events[len(first)].Body, large), "the large one is another")
		})
	}
}

func TestOneByteOverTheLimitIsRefusedWithTheSDKsError(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	client := hub.producer()
	batch := must(client.NewEventDataBatch(within(t), toPartition("0")))(t)
	twin := must(client.NewEventDataBatch(within(t), toPartition("0")))(t)
	body := fill(t, batch, twin, limit)
	over := must(client.NewEventDataBatch(within(t), toPartition("0")))(t)
	err := over.AddEventData(&azeventhubs.EventData{Body: append(body, 'x')}, nil)
	isTrue(t, errors.Is(err, azeventhubs.ErrEventDataTooLarge), "%v", err)
	equal(t, "events in the batch", int(over.NumEvents()), 0)
	// The batch goes on with what fits.
	check(t, over.AddEventData(newEvent("fits"), nil))
	check(t, client.SendEventDataBatch(within(t), over, nil))
	equal(t, "bodies", bodies(hub.read("0", earliest, 1)), []string{"fits"})
}
