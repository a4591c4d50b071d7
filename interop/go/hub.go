package interop

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
	"github.com/Azure/go-amqp"
)

// waitTime bounds every wait of every test.
const waitTime = 20 * time.Second

// limit is what the server accepts: bytes of a message as sent.
const limit = 1_048_576

var partitions = []string{"0", "1", "2", "3"}

type (
	event    = azeventhubs.ReceivedEventData
	position = azeventhubs.StartPosition
)

// noRetries makes a refusal show at once; the SDK's default waits for seconds.
var noRetries = azeventhubs.RetryOptions{MaxRetries: -1}

// patient lets the SDK live through a restart.
var patient = azeventhubs.RetryOptions{
	MaxRetries: 100, RetryDelay: 50 * time.Millisecond, MaxRetryDelay: 200 * time.Millisecond,
}

var earliest = position{Earliest: to.Ptr(true)}

// Hub is one hub of one server, as a test sees it: what a user would write, with a deadline on everything.
type Hub struct {
	t          testing.TB
	Connection string
	Name       string
	retry      azeventhubs.RetryOptions
	senderOnce sync.Once
	sender     *azeventhubs.ProducerClient
}

func hubAt(t testing.TB, connection, name string) *Hub {
	return &Hub{t: t, Connection: connection, Name: name, retry: noRetries}
}

var hubNumbers atomic.Int64

// newHub is a hub of the shared server that no other test knows, made on first use.
func newHub(t testing.TB) *Hub {
	t.Helper()
	return hubAt(t, sharedServer(t).Ready.ConnectionString, hubName(t))
}

func hubName(t testing.TB) string {
	words := regexp.MustCompile("[^a-z0-9]+").ReplaceAllString(strings.ToLower(t.Name()), "-")
	return fmt.Sprintf("%.60s-%d", words, hubNumbers.Add(1))
}

// within is a context that ends with the test, and with the time that anything may take.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), waitTime)
	t.Cleanup(cancel)
	return ctx
}

// contextFor is for a wait that is expected to end by its own time.
func contextFor(time time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time)
}

// must is for what has to succeed for the test to go on.
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%T: %v", err, err)
		}
		return value
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%T: %v", err, err)
	}
}

func equal(t testing.TB, what string, found, expected any) {
	t.Helper()
	if !reflect.DeepEqual(found, expected) {
		t.Fatalf("%s:\n   found %T %.2000v\nexpected %T %.2000v", what, found, found, expected, expected)
	}
}

func isTrue(t testing.TB, condition bool, format string, arguments ...any) {
	t.Helper()
	if !condition {
		t.Fatalf(format, arguments...)
	}
}

// until waits for a condition.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitTime); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen in %v: %s", waitTime, what)
		}
	}
}

// arrives waits for a value.
func arrives[T any](t testing.TB, what string, channel <-chan T) T {
	t.Helper()
	select {
	case value := <-channel:
		return value
	case <-time.After(waitTime):
		t.Fatalf("did not happen in %v: %s", waitTime, what)
		panic("unreachable")
	}
}

// together does something several times at once, and fails if one of them did.
func together(t testing.TB, count int, do func(number int) error) {
	t.Helper()
	results := make(chan error, count)
	for number := range count {
		go func() { results <- do(number) }()
	}
	for range count {
		check(t, arrives(t, "all of them to end", results))
	}
}

// condition is the AMQP condition that an error came from: "" if it came from none.
func condition(err error) string {
	var found *amqp.Error
	if errors.As(err, &found) {
		return string(found.Condition)
	}
	return ""
}

// code is what the SDK makes of an error for programs: "" if it has no code for it.
func code(err error) azeventhubs.ErrorCode {
	var found *azeventhubs.Error
	if errors.As(err, &found) {
		return found.Code
	}
	return ""
}

func (h *Hub) producer() *azeventhubs.ProducerClient {
	h.t.Helper()
	client := must(azeventhubs.NewProducerClientFromConnectionString(
		h.Connection, h.Name, &azeventhubs.ProducerClientOptions{RetryOptions: h.retry},
	))(h.t)
	closeAfter(h.t, client)
	return client
}

func (h *Hub) consumer() *azeventhubs.ConsumerClient {
	h.t.Helper()
	return h.consumerOf(azeventhubs.DefaultConsumerGroup, "")
}

func (h *Hub) consumerOf(group, instance string) *azeventhubs.ConsumerClient {
	h.t.Helper()
	client := must(azeventhubs.NewConsumerClientFromConnectionString(
		h.Connection, h.Name, group, &azeventhubs.ConsumerClientOptions{RetryOptions: h.retry, InstanceID: instance},
	))(h.t)
	closeAfter(h.t, client)
	return client
}

type closer interface{ Close(context.Context) error }

func closeAfter(t testing.TB, one closer) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), waitTime)
		defer cancel()
		_ = one.Close(ctx)
	})
}

func closeNow(t testing.TB, one closer) {
	t.Helper()
	check(t, one.Close(within(t)))
}

// partition is a client of one partition.
func (h *Hub) partition(id string, options *azeventhubs.PartitionClientOptions) *azeventhubs.PartitionClient {
	h.t.Helper()
	return partitionOf(h.t, h.consumer(), id, options)
}

func partitionOf(
	t testing.TB, consumer *azeventhubs.ConsumerClient, id string, options *azeventhubs.PartitionClientOptions,
) *azeventhubs.PartitionClient {
	t.Helper()
	client := must(consumer.NewPartitionClient(id, options))(t)
	closeAfter(t, client)
	return client
}

func newEvent(body string) *azeventhubs.EventData {
	return &azeventhubs.EventData{Body: []byte(body)}
}

func newEvents(bodies ...string) []*azeventhubs.EventData {
	var events []*azeventhubs.EventData
	for _, body := range bodies {
		events = append(events, newEvent(body))
	}
	return events
}

func toPartition(id string) *azeventhubs.EventDataBatchOptions {
	return &azeventhubs.EventDataBatchOptions{PartitionID: &id}
}

func withKey(key string) *azeventhubs.EventDataBatchOptions {
	return &azeventhubs.EventDataBatchOptions{PartitionKey: &key}
}

// trySend sends one batch.
func trySend(
	ctx context.Context, client *azeventhubs.ProducerClient, options *azeventhubs.EventDataBatchOptions,
	events ...*azeventhubs.EventData,
) error {
	batch, err := client.NewEventDataBatch(ctx, options)
	if err != nil {
		return err
	}
	for _, event := range events {
		if err := batch.AddEventData(event, nil); err != nil {
			return err
		}
	}
	return client.SendEventDataBatch(ctx, batch, nil)
}

// send sends one batch to one partition, over a client that stays open.
func (h *Hub) send(partition string, bodies ...string) {
	h.t.Helper()
	h.senderOnce.Do(func() { h.sender = h.producer() })
	check(h.t, trySend(within(h.t), h.sender, toPartition(partition), newEvents(bodies...)...))
}

// receive takes exactly so many events from a client.
func receive(t testing.TB, client *azeventhubs.PartitionClient, count int) []*event {
	t.Helper()
	events, err := tryReceive(within(t), client, count)
	if err != nil {
		t.Fatalf("%d of %d events, then %T: %v", len(events), count, err, err)
	}
	return events
}

func tryReceive(ctx context.Context, client *azeventhubs.PartitionClient, count int) ([]*event, error) {
	var events []*event
	for len(events) < count {
		more, err := client.ReceiveEvents(ctx, count-len(events), nil)
		if err != nil {
			return events, err
		}
		events = append(events, more...)
	}
	return events, nil
}

// read takes the first events from a position.
func (h *Hub) read(partition string, from position, count int) []*event {
	h.t.Helper()
	consumer := h.consumer()
	client := must(consumer.NewPartitionClient(partition, &azeventhubs.PartitionClientOptions{StartPosition: from}))(h.t)
	events := receive(h.t, client, count)
	closeNow(h.t, client)
	closeNow(h.t, consumer)
	return events
}

// properties asks with a deadline: the SDK waits for this answer without one, whatever context it is given.
func (h *Hub) properties(client managementClient, partition string) azeventhubs.PartitionProperties {
	h.t.Helper()
	found, err := tryProperties(h.t, client, partition)
	check(h.t, err)
	return found
}

type managementClient interface {
	GetEventHubProperties(
		context.Context, *azeventhubs.GetEventHubPropertiesOptions,
	) (azeventhubs.EventHubProperties, error)
	GetPartitionProperties(
		context.Context, string, *azeventhubs.GetPartitionPropertiesOptions,
	) (azeventhubs.PartitionProperties, error)
}

func tryProperties(
	t testing.TB, client managementClient, partition string,
) (azeventhubs.PartitionProperties, error) {
	t.Helper()
	type answer struct {
		found azeventhubs.PartitionProperties
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		found, err := client.GetPartitionProperties(within(t), partition, nil)
		answers <- answer{found, err}
	}()
	got := arrives(t, "an answer about partition "+partition, answers)
	return got.found, got.err
}

// readAll reads every event of the hub, and makes sure that no partition's numbers have a gap.
func (h *Hub) readAll() map[string][]*event {
	h.t.Helper()
	consumer := h.consumer()
	all := map[string][]*event{}
	for _, id := range must(consumer.GetEventHubProperties(within(h.t), nil))(h.t).PartitionIDs {
		end := h.properties(consumer, id)
		all[id] = nil
		if !end.IsEmpty {
			equal(h.t, "first number of partition "+id, end.BeginningSequenceNumber, int64(0))
			all[id] = h.read(id, earliest, int(end.LastEnqueuedSequenceNumber)+1)
			equal(h.t, "numbers of partition "+id, numbers(all[id]), upTo(len(all[id])))
		}
	}
	return all
}

func bodies(events []*event) []string {
	found := []string{}
	for _, event := range events {
		found = append(found, string(event.Body))
	}
	return found
}

func numbers(events []*event) []int64 {
	found := []int64{}
	for _, event := range events {
		found = append(found, event.SequenceNumber)
	}
	return found
}

func upTo(count int) []int64 {
	found := []int64{}
	for number := range count {
		found = append(found, int64(number))
	}
	return found
}

// counted is `prefix0`, `prefix1` and so on.
func counted(prefix string, count int) []string {
	var found []string
	for number := range count {
		found = append(found, fmt.Sprintf("%s%d", prefix, number))
	}
	return found
}
