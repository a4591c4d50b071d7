package interop

import (
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/go-amqp"
)

// The SDK sends batches only: these are messages of their own.
func alone(t *testing.T, sent ...*amqp.Message) []*amqp.Message {
	t.Helper()
	hub := newHub(t)
	session := session(t, sharedServer(t))
	link := sender(t, session, target(hub.Name, "0"), nil)
	for _, one := range sent {
		check(t, link.Send(within(t), one, nil))
	}
	return take(t, receiver(t, session, source(hub.Name, "0"), &amqp.ReceiverOptions{Credit: 20}), len(sent))
}

func TestAMessageOfItsOwnComesBackWithAllItsSections(t *testing.T) {
	t.Parallel()
	sent := &amqp.Message{
		Header:              &amqp.MessageHeader{Durable: true, Priority: 9, TTL: time.Minute, FirstAcquirer: true, DeliveryCount: 3},
		DeliveryAnnotations: amqp.Annotations{"hop": "one"},
		Annotations:         amqp.Annotations{"x-opt-mine": "kept", "x-opt-offset": "999"},
		Properties: &amqp.MessageProperties{
			MessageID: uint64(9), UserID: []byte("user"), To: to.Ptr("to"), Subject: to.Ptr("subject"),
			ReplyTo: to.Ptr("reply"), CorrelationID: []byte{1}, ContentType: to.Ptr("text/plain"),
			ContentEncoding: to.Ptr("gzip"), AbsoluteExpiryTime: to.Ptr(moment), CreationTime: to.Ptr(moment),
			GroupID: to.Ptr("group"), GroupSequence: to.Ptr(uint32(3)), ReplyToGroupID: to.Ptr("reply-group"),
		},
		ApplicationProperties: map[string]any{},
		Data:                  [][]byte{[]byte("first"), {}, []byte(strings.Repeat("x", 300))},
		Footer:                amqp.Annotations{"x-checksum": "abc"},
	}
	for name, value := range values {
		sent.ApplicationProperties[name] = value
	}
	found := alone(t, sent)[0]
	equal(t, "header", found.Header, sent.Header)
	equal(t, "delivery annotations", len(found.DeliveryAnnotations), 0)
	equal(t, "annotation", found.Annotations["x-opt-mine"], any("kept"))
	equal(t, "offset", found.Annotations["x-opt-offset"], any("0"))
	*found.Properties.AbsoluteExpiryTime = found.Properties.AbsoluteExpiryTime.UTC()
	*found.Properties.CreationTime = found.Properties.CreationTime.UTC()
	equal(t, "properties", found.Properties, sent.Properties)
	equal(t, "how many", len(found.ApplicationProperties), len(values))
	for name, value := range values {
		equal(t, name, utc(found.ApplicationProperties[name]), value)
	}
	equal(t, "sections", len(found.Data), 3)
	for number, section := range found.Data {
		equal(t, "section", string(section), string(sent.Data[number]))
	}
	equal(t, "footer", found.Footer, sent.Footer)
}

func TestAMessageOfItsOwnMayHaveAnyKindOfBody(t *testing.T) {
	t.Parallel()
	var names []string
	var sent []*amqp.Message
	var expected []any
	for name, value := range values {
		names, expected = append(names, name), append(expected, value)
		sent = append(sent, &amqp.Message{Value: value})
	}
	for name, pair := range read {
		names, expected = append(names, name), append(expected, pair[1])
		sent = append(sent, &amqp.Message{Value: pair[0]})
	}
	sequence := [][]any{{"a", int64(1)}, {nil, true}}
	found := alone(t, append(sent, &amqp.Message{Sequence: sequence})...)
	for number, message := range found[:len(sent)] {
		isTrue(t, same(message.Value, expected[number]), "%s:\n   found %#v\nexpected %#v", names[number], message.Value, expected[number])
		isTrue(t, message.Data == nil && message.Sequence == nil, "%s is another kind of body", names[number])
	}
	equal(t, "sequence", found[len(sent)].Sequence, sequence)
}
