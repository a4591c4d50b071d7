package interop

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
	"github.com/Azure/go-amqp"
)

type message = azeventhubs.AMQPAnnotatedMessage

var (
	moment = time.Date(2026, 11, 21, 8, 30, 15, 123_000_000, time.UTC)
	anID   = amqp.UUID{0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78}
)

// values are those of each AMQP type that Go has a type for, and come back as they are.
var values = map[string]any{
	"true": true, "false": false,
	"ubyte": uint8(255), "ushort": uint16(65_535), "uint": uint32(4_294_967_295), "uint small": uint32(7),
	"uint zero": uint32(0), "ulong": uint64(1<<64 - 1), "ulong small": uint64(7), "ulong zero": uint64(0),
	"byte": int8(-128), "short": int16(-32_768), "int": int32(-2_147_483_648), "int small": int32(-1),
	"long": int64(-1 << 63), "long small": int64(-1),
	"float": float32(1.5), "double": -2.75, "double, tiny": 5e-324,
	"string": "Grüße, 北京", "string, empty": "", "string, long": strings.Repeat("x", 1000),
	"binary": []byte{0, 255}, "binary, long": make([]byte, 300),
	"timestamp": moment, "timestamp before 1970": time.UnixMilli(-5).UTC(), "uuid": anID,
}

// read are values that the library reads as another type than it was given, or that hold others: sent, and read.
var read = map[string][2]any{
	"symbol":             {amqp.Symbol("a-symbol"), "a-symbol"},
	"list":               {[]any{"a", int64(1), []any{true}, nil}, []any{"a", int64(1), []any{true}, nil}},
	"list, empty":        {[]any{}, []any{}},
	"map":                {map[string]any{"a": map[string]any{"b": int64(1)}}, map[string]any{"a": map[string]any{"b": int64(1)}}},
	"map of numbers":     {map[any]any{int64(1): "one"}, map[any]any{int64(1): "one"}},
	"array of longs":     {[]int64{1, -2, 1 << 40}, []int64{1, -2, 1 << 40}},
	"array of ints":      {[]int32{1, -2, 1 << 30}, []int32{1, -2, 1 << 30}},
	"array of strings":   {[]string{"a", "Grüße"}, []string{"a", "Grüße"}},
	"array of symbols":   {[]amqp.Symbol{"a", "b"}, []amqp.Symbol{"a", "b"}},
	"array of booleans":  {[]bool{true, false}, []bool{true, false}},
	"array of doubles":   {[]float64{1.5, -2}, []float64{1.5, -2}},
	"array of moments":   {[]time.Time{moment}, []time.Time{moment}},
	"array of uuids":     {[]amqp.UUID{anID, {}}, []amqp.UUID{anID, {}}},
	"array of binaries":  {[][]byte{{1}, {2, 3}}, [][]byte{{1}, {2, 3}}},
	"array of ulongs":    {[]uint64{0, 1 << 63}, []uint64{0, 1 << 63}},
	"array of shorts":    {[]int16{-1, 2}, []int16{-1, 2}},
	"list of everything": {[]any{uint8(1), moment, anID, amqp.Symbol("s")}, []any{uint8(1), moment, anID, "s"}},
}

// roundTrip sends messages in one batch and reads them back.
func roundTrip(t *testing.T, sent ...*message) []*event {
	t.Helper()
	hub := newHub(t)
	client := hub.producer()
	batch := must(client.NewEventDataBatch(within(t), toPartition("0")))(t)
	for _, one := range sent {
		check(t, batch.AddAMQPAnnotatedMessage(one, nil))
	}
	check(t, client.SendEventDataBatch(within(t), batch, nil))
	return hub.read("0", earliest, len(sent))
}

func dataBody(sections ...string) azeventhubs.AMQPAnnotatedMessageBody {
	body := azeventhubs.AMQPAnnotatedMessageBody{}
	for _, section := range sections {
		body.Data = append(body.Data, []byte(section))
	}
	return body
}

func TestApplicationPropertiesOfEveryTypeComeBack(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	sent := newEvent("with properties")
	sent.Properties = map[string]any{}
	for name, value := range values {
		sent.Properties[name] = value
	}
	check(t, trySend(within(t), hub.producer(), toPartition("0"), sent))
	found := hub.read("0", earliest, 1)[0]
	equal(t, "how many", len(found.Properties), len(values))
	for name, value := range values {
		equal(t, name, utc(found.Properties[name]), value)
	}
	equal(t, "body", string(found.Body), "with properties")
}

// utc undoes what the library does to moments: it shows them in the machine's zone.
func utc(value any) any {
	if moment, ok := value.(time.Time); ok {
		return moment.UTC()
	}
	return value
}

func TestPlainGoNumbersAndNothingComeBackAsLongsAndNothing(t *testing.T) {
	t.Parallel()
	found := roundTrip(t, &message{
		Body:                  dataBody("x"),
		ApplicationProperties: map[string]any{"int": -7, "uint": uint(7), "nothing": nil, "after": "kept"},
	})[0]
	equal(t, "properties", found.Properties, map[string]any{
		"int": int64(-7), "uint": uint64(7), "nothing": nil, "after": "kept",
	})
}

func TestContentTypeMessageAndCorrelationIDComeBack(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	client := hub.producer()
	correlations := []any{"c-1", uint64(1<<63 + 5), anID, []byte{0, 1}}
	for _, correlation := range correlations {
		sent := newEvent("x")
		sent.MessageID, sent.ContentType = to.Ptr("m-1"), to.Ptr("application/json")
		sent.CorrelationID = correlation
		check(t, trySend(within(t), client, toPartition("0"), sent))
	}
	for number, found := range hub.read("0", earliest, len(correlations)) {
		equal(t, "message id", *found.MessageID, "m-1")
		equal(t, "content type", *found.ContentType, "application/json")
		equal(t, "correlation id", found.CorrelationID, correlations[number])
	}
}

func TestEveryFieldOfThePropertiesSectionComesBack(t *testing.T) {
	t.Parallel()
	sent := &azeventhubs.AMQPAnnotatedMessageProperties{
		MessageID: anID, UserID: []byte("\x00user"), To: to.Ptr("to"), Subject: to.Ptr("subject"),
		ReplyTo: to.Ptr("reply"), CorrelationID: uint64(5), ContentType: to.Ptr("text/plain"),
		ContentEncoding: to.Ptr("utf-8"), AbsoluteExpiryTime: to.Ptr(moment.Add(time.Second)), CreationTime: &moment,
		GroupID: to.Ptr("group"), GroupSequence: to.Ptr(uint32(7)), ReplyToGroupID: to.Ptr("reply-group"),
	}
	found := roundTrip(t, &message{Body: dataBody("x"), Properties: sent})[0].RawAMQPMessage.Properties
	*found.AbsoluteExpiryTime = found.AbsoluteExpiryTime.UTC()
	*found.CreationTime = found.CreationTime.UTC()
	equal(t, "properties", found, sent)
}

func TestMessageIDsKeepTheirType(t *testing.T) {
	t.Parallel()
	for _, id := range []any{"text", []byte("\x00\x01binary"), anID, uint64(1<<63 + 5)} {
		sent := &azeventhubs.AMQPAnnotatedMessageProperties{MessageID: id}
		found := roundTrip(t, &message{Body: dataBody("x"), Properties: sent})[0]
		equal(t, "id", found.RawAMQPMessage.Properties.MessageID, id)
	}
}

func TestTheHeaderComesBack(t *testing.T) {
	t.Parallel()
	sent := &azeventhubs.AMQPAnnotatedMessageHeader{
		DeliveryCount: 3, Durable: true, FirstAcquirer: true, Priority: 9, TTL: 90 * time.Second,
	}
	found := roundTrip(t, &message{Body: dataBody("x"), Header: sent}, &message{Body: dataBody("y")})
	equal(t, "header", found[0].RawAMQPMessage.Header, sent)
	isTrue(t, found[1].RawAMQPMessage.Header == nil, "an event without a header got one")
}

func TestTheServiceAddsItsSystemProperties(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	check(t, trySend(within(t), hub.producer(), withKey("device-42"), newEvent("x"), newEvent("y")))
	for number, event := range hub.read(keys["device-42"], earliest, 2) {
		equal(t, "number", event.SequenceNumber, int64(number))
		equal(t, "offset", event.Offset, fmt.Sprint(number))
		equal(t, "key", *event.PartitionKey, "device-42")
		isTrue(t, time.Since(*event.EnqueuedTime).Abs() < time.Minute, "enqueued at %v", event.EnqueuedTime)
		equal(t, "the rest", len(event.SystemProperties), 0)
		_, isLong := event.RawAMQPMessage.MessageAnnotations["x-opt-sequence-number"].(int64)
		isTrue(t, isLong, "the number is no long")
	}
}

func TestAnnotationsOfTheUserComeBackAndThoseOfTheServiceAreReplaced(t *testing.T) {
	t.Parallel()
	found := roundTrip(t, &message{Body: dataBody("x"), MessageAnnotations: map[any]any{
		"x-opt-mine": "kept", "plain": int64(5), "x-opt-sequence-number": int64(999), "x-opt-offset": "999",
		"x-opt-enqueued-time": time.UnixMilli(999), "x-opt-publisher": "nobody",
	}})[0]
	equal(t, "the user's", found.SystemProperties, map[string]any{"x-opt-mine": "kept", "plain": int64(5)})
	equal(t, "number", found.SequenceNumber, int64(0))
	equal(t, "offset", found.Offset, "0")
	isTrue(t, time.Since(*found.EnqueuedTime).Abs() < time.Minute, "enqueued at %v", found.EnqueuedTime)
}

func TestDeliveryAnnotationsOfTheSenderAreDroppedAndTheFooterComesBack(t *testing.T) {
	t.Parallel()
	footer := map[any]any{"x-checksum": "abc", "x-number": int64(5)}
	found := roundTrip(t, &message{
		Body: dataBody("x"), DeliveryAnnotations: map[any]any{"hop": "one"}, Footer: footer,
	})[0]
	equal(t, "delivery annotations", len(found.RawAMQPMessage.DeliveryAnnotations), 0)
	equal(t, "footer", found.RawAMQPMessage.Footer, footer)
	equal(t, "body", string(found.Body), "x")
}

func TestSeveralDataSectionsStaySeveral(t *testing.T) {
	t.Parallel()
	sent := dataBody("first", "", "third", strings.Repeat("x", 300))
	found := roundTrip(t, &message{Body: sent})[0]
	equal(t, "sections", len(found.RawAMQPMessage.Body.Data), 4)
	for number, section := range found.RawAMQPMessage.Body.Data {
		equal(t, "section", string(section), string(sent.Data[number]))
	}
}

func TestAValueBodyOfEveryTypeComesBack(t *testing.T) {
	t.Parallel()
	var names []string
	var sent []*message
	var expected []any
	add := func(name string, value, reads any) {
		names, expected = append(names, name), append(expected, reads)
		sent = append(sent, &message{Body: azeventhubs.AMQPAnnotatedMessageBody{Value: value}})
	}
	for name, value := range values {
		add(name, value, value)
	}
	for name, pair := range read {
		add(name, pair[0], pair[1])
	}
	for number, event := range roundTrip(t, sent...) {
		body := event.RawAMQPMessage.Body
		isTrue(t, body.Data == nil && body.Sequence == nil, "%s is another kind of body", names[number])
		isTrue(t, same(body.Value, expected[number]), "%s:\n   found %#v\nexpected %#v", names[number], body.Value, expected[number])
	}
}

// same compares with moments in any zone.
func same(found, expected any) bool {
	switch expected := expected.(type) {
	case time.Time:
		return utc(found) == expected
	case []time.Time:
		found, ok := found.([]time.Time)
		return ok && len(found) == 1 && found[0].UTC() == expected[0]
	case []any:
		found, ok := found.([]any)
		if !ok || len(found) != len(expected) {
			return false
		}
		for at := range expected {
			if !same(found[at], expected[at]) {
				return false
			}
		}
		return true
	default:
		return reflect.DeepEqual(found, expected)
	}
}

func TestSequenceBodiesComeBack(t *testing.T) {
	t.Parallel()
	for _, sections := range [][][]any{{{"a", int64(1), true}}, {{"a"}, {int64(1), int64(2)}, {nil}}} {
		found := roundTrip(t, &message{Body: azeventhubs.AMQPAnnotatedMessageBody{Sequence: sections}})[0]
		equal(t, "sections", found.RawAMQPMessage.Body.Sequence, sections)
		isTrue(t, found.RawAMQPMessage.Body.Data == nil, "a data section came from nowhere")
	}
}

func TestEverythingAtOnceComesBack(t *testing.T) {
	t.Parallel()
	sent := &message{
		Body:                  dataBody("a", "b"),
		Header:                &azeventhubs.AMQPAnnotatedMessageHeader{Durable: true, Priority: 1},
		Properties:            &azeventhubs.AMQPAnnotatedMessageProperties{MessageID: "id", Subject: to.Ptr("s")},
		ApplicationProperties: map[string]any{"n": int64(1), "s": "t"},
		MessageAnnotations:    map[any]any{"x-opt-mine": int64(1)},
		Footer:                map[any]any{"f": int64(1)},
	}
	found := roundTrip(t, sent)[0].RawAMQPMessage
	equal(t, "body", found.Body, sent.Body)
	equal(t, "header", found.Header, sent.Header)
	equal(t, "properties", found.Properties, sent.Properties)
	equal(t, "application properties", found.ApplicationProperties, sent.ApplicationProperties)
	equal(t, "annotation", found.MessageAnnotations["x-opt-mine"], int64(1))
	equal(t, "footer", found.Footer, sent.Footer)
}
