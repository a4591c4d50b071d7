package interop

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/Azure/go-amqp"
)

func TestEverySettleModeOfASenderIsGrantedAndStores(t *testing.T) {
	t.Parallel()
	for _, mode := range []amqp.SenderSettleMode{
		amqp.SenderSettleModeUnsettled, amqp.SenderSettleModeSettled, amqp.SenderSettleModeMixed,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			hub := newHub(t)
			// The library fails the attach when the mode that it asked for is not granted.
			link := sender(t, session(t, sharedServer(t)), target(hub.Name, "0"), &amqp.SenderOptions{
				SettlementMode: mode.Ptr(), RequestedReceiverSettleMode: amqp.ReceiverSettleModeFirst.Ptr(),
			})
			sent := counted("", 50)
			sendTexts(t, link, sent...)
			equal(t, "bodies", bodies(hub.read("0", earliest, 50)), sent)
		})
	}
}

func TestSettledAndUnsettledEventsOfOneLinkKeepTheirOrder(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	link := sender(t, session(t, sharedServer(t)), target(hub.Name, "0"), nil)
	sent := counted("", 60)
	for number, text := range sent {
		check(t, link.Send(within(t), amqp.NewMessage([]byte(text)), &amqp.SendOptions{Settled: number%3 != 0}))
	}
	equal(t, "bodies", bodies(hub.read("0", earliest, 60)), sent)
}

func TestASecondSettleModeOfASenderWaitsForNoMore(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	link := sender(t, session(t, sharedServer(t)), target(hub.Name, "0"), &amqp.SenderOptions{
		SettlementMode: amqp.SenderSettleModeUnsettled.Ptr(), RequestedReceiverSettleMode: amqp.ReceiverSettleModeSecond.Ptr(),
	})
	sendTexts(t, link, "a", "b")
	equal(t, "bodies", bodies(hub.read("0", earliest, 2)), []string{"a", "b"})
}

func TestManyInFlightAreAllAcceptedAndStoredInOrder(t *testing.T) {
	t.Parallel()
	const count = 3000
	hub := newHub(t)
	link := sender(t, session(t, sharedServer(t)), target(hub.Name, "0"), nil)
	sent := counted("", count)
	receipts := make(chan amqp.SendReceipt, 200)
	failed := make(chan error, 1)
	go func() {
		defer close(receipts)
		for _, text := range sent {
			receipt, err := link.SendWithReceipt(within(t), amqp.NewMessage([]byte(text)), nil)
			if err != nil {
				failed <- err
				return
			}
			receipts <- receipt
		}
	}()
	accepted := 0
	for receipt := range receipts {
		state := must(receipt.Wait(within(t)))(t)
		_, isAccepted := state.(*amqp.StateAccepted)
		isTrue(t, isAccepted, "event %d: %T", accepted, state)
		accepted++
	}
	isTrue(t, len(failed) == 0, "a send failed")
	equal(t, "accepted", accepted, count)
	equal(t, "bodies", bodies(hub.read("0", earliest, count)), sent)
}

func TestSmallFramesCarryLargeEventsBothWays(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	large := bytes.Repeat([]byte("0123456789abcdef"), 16*1024) // 256 KiB: 512 frames for the reader
	// What a client can do about the frames that it sends is nothing: it splits at what the server takes.
	session := sessionOn(t, dial(t, sharedServer(t), &amqp.ConnOptions{MaxFrameSize: 512}))
	link := sender(t, session, target(hub.Name, "0"), nil)
	sendTexts(t, link, string(large), "after")
	found := take(t, receiver(t, session, source(hub.Name, "0"), &amqp.ReceiverOptions{Credit: 2}), 2)
	isTrue(t, bytes.Equal(found[0].GetData(), large), "another body of %d bytes", len(found[0].GetData()))
	equal(t, "after", string(found[1].GetData()), "after")
}

func TestAnEventAtTheLimitIsAcceptedAndOneByteMoreIsRefused(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	session := session(t, sharedServer(t))
	link := sender(t, session, target(hub.Name, "0"), nil)
	equal(t, "the limit that the link tells", int(link.MaxMessageSize()), limit)
	probe := must(amqp.NewMessage(make([]byte, 1000)).MarshalBinary())(t)
	body := strings.Repeat("x", limit-(len(probe)-1000))
	equal(t, "size", len(must(amqp.NewMessage([]byte(body)).MarshalBinary())(t)), limit)
	sendTexts(t, link, body)
	err := link.Send(within(t), amqp.NewMessage([]byte(body+"x")), nil)
	equal(t, "condition", condition(err), "amqp:link:message-size-exceeded")
	sendTexts(t, link, "after")
	found := take(t, receiver(t, session, source(hub.Name, "0"), &amqp.ReceiverOptions{Credit: 2}), 2)
	isTrue(t, string(found[0].GetData()) == body, "another body of %d bytes", len(found[0].GetData()))
	equal(t, "after", string(found[1].GetData()), "after")
}

func TestEverySpellingOfATargetIsUnderstood(t *testing.T) {
	t.Parallel()
	session := session(t, sharedServer(t))
	for _, spelling := range []string{
		"%s", "/%s", "%s/", "amqps://localhost/%s", "sb://somewhere.servicebus.windows.net:5671/%s",
		"%s/Partitions/1", "/%s/partitions/1", "%s/PARTITIONS/1/", "amqp://127.0.0.1:5672/%s/Partitions/1",
	} {
		hub := newHub(t)
		sendTexts(t, sender(t, session, fmt.Sprintf(spelling, hub.Name), nil), spelling)
		found := hub.readAll()
		stored := 0
		for _, events := range found {
			stored += len(events)
		}
		equal(t, spelling, stored, 1)
		if strings.Contains(strings.ToLower(spelling), "partitions/1") {
			equal(t, spelling, bodies(found["1"]), []string{spelling})
		}
	}
}

func TestAnAnnotationIsAKeyAndComesBack(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	session := session(t, sharedServer(t))
	link := sender(t, session, hub.Name, nil)
	for key := range keys {
		message := amqp.NewMessage([]byte(key))
		message.Annotations = amqp.Annotations{"x-opt-partition-key": key}
		check(t, link.Send(within(t), message, nil))
	}
	seen := 0
	for partition, events := range hub.readAll() {
		for _, event := range events {
			equal(t, "partition of "+string(event.Body), partition, keys[string(event.Body)])
			equal(t, "key", *event.PartitionKey, string(event.Body))
			seen++
		}
	}
	equal(t, "events", seen, len(keys))
}

func TestAPublisherLinkStampsItsName(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	sendTexts(t, sender(t, session(t, sharedServer(t)), hub.Name+"/Publishers/meter-7", nil), "x")
	for _, events := range hub.readAll() {
		for _, event := range events {
			equal(t, "publisher", event.SystemProperties["x-opt-publisher"], any("meter-7"))
			equal(t, "key", *event.PartitionKey, "meter-7")
			return
		}
	}
	t.Fatal("the event is nowhere")
}

func TestABatchMadeByHandIsTakenApart(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	link := sender(t, session(t, sharedServer(t)), target(hub.Name, "0"), nil)
	batch := &amqp.Message{Format: 0x80013700}
	for number, text := range counted("inner ", 3) {
		inner := amqp.NewMessage([]byte(text))
		inner.ApplicationProperties = map[string]any{"number": int64(number)}
		batch.Data = append(batch.Data, must(inner.MarshalBinary())(t))
	}
	check(t, link.Send(within(t), batch, nil))
	events := hub.read("0", earliest, 3)
	equal(t, "bodies", bodies(events), counted("inner ", 3))
	for number, event := range events {
		equal(t, "properties", event.Properties, map[string]any{"number": int64(number)})
	}
}

func TestABatchThatCannotBeReadIsRefusedWholeAndTheLinkGoesOn(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	link := sender(t, session(t, sharedServer(t)), target(hub.Name, "0"), nil)
	good := must(amqp.NewMessage([]byte("inner")).MarshalBinary())(t)
	err := link.Send(within(t), &amqp.Message{Format: 0x80013700, Data: [][]byte{good, []byte("no message")}}, nil)
	equal(t, "condition", condition(err), "amqp:decode-error")
	sendTexts(t, link, "after")
	equal(t, "bodies", bodies(hub.read("0", earliest, 1)), []string{"after"})
	equal(t, "last number", hub.properties(hub.consumer(), "0").LastEnqueuedSequenceNumber, int64(0))
}

func TestManyLinksOfOneSessionAndManySessionsShareAConnection(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	connection := dial(t, sharedServer(t), nil)
	together(t, 8, func(number int) error {
		session, err := connection.NewSession(within(t), nil)
		if err != nil {
			return err
		}
		for _, partition := range partitions {
			link, err := session.NewSender(within(t), target(hub.Name, partition), nil)
			if err != nil {
				return err
			}
			for count := range 10 {
				text := fmt.Sprintf("%s/%d/%d", partition, number, count)
				if err := link.Send(within(t), amqp.NewMessage([]byte(text)), nil); err != nil {
					return err
				}
			}
		}
		return session.Close(within(t))
	})
	for partition, events := range hub.readAll() {
		equal(t, "events of "+partition, len(events), 80)
		for number := range 8 {
			prefix := fmt.Sprintf("%s/%d/", partition, number)
			var mine []string
			for _, body := range bodies(events) {
				if strings.HasPrefix(body, prefix) {
					mine = append(mine, body)
				}
			}
			equal(t, "one link's", mine, counted(prefix, 10))
		}
	}
}
