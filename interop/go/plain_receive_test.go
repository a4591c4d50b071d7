package interop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

const selector = "apache.org:selector-filter:string"

func filtered(text string) *amqp.ReceiverOptions {
	return &amqp.ReceiverOptions{Credit: 10, Filters: []amqp.LinkFilter{amqp.NewSelectorFilter(text)}}
}

func TestAReaderWithoutAFilterBeginsAtTheBeginning(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "a", "b", "c")
	found := take(t, receiver(t, session(t, sharedServer(t)), source(hub.Name, "0"), nil), 3)
	equal(t, "texts", texts(found), []string{"a", "b", "c"})
	for number, message := range found {
		equal(t, "number", message.Annotations["x-opt-sequence-number"], any(int64(number)))
		equal(t, "offset", message.Annotations["x-opt-offset"], any(fmt.Sprint(number)))
		at, isTime := message.Annotations["x-opt-enqueued-time"].(time.Time)
		isTrue(t, isTime && time.Since(at).Abs() < time.Minute, "enqueued at %v", at)
	}
}

func TestAReaderBeginsWhereItsFilterSays(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "a", "b", "c", "d")
	session := session(t, sharedServer(t))
	for text, expected := range map[string]string{
		"amqp.annotation.x-opt-offset > '1'": "cd", "amqp.annotation.x-opt-offset >= '1'": "bcd",
		"amqp.annotation.x-opt-offset >'1'": "cd", "amqp.annotation.x-opt-offset > 1": "cd",
		"amqp.annotation.x-opt-offset > '-1'": "abcd", "amqp.annotation.x-opt-offset > -1": "abcd",
		"amqp.annotation.x-opt-sequence-number > '0'": "bcd", "amqp.annotation.x-opt-sequence-number >= 3": "d",
		"amqp.annotation.x-opt-enqueued-time > '0'": "abcd", "amqp.annotation.x-opt-enqueuedtimeutc > 0": "abcd",
	} {
		link := receiver(t, session, source(hub.Name, "0"), filtered(text))
		equal(t, "the filter that is echoed", link.LinkSourceFilterValue(selector), any(text))
		equal(t, text, strings.Join(texts(take(t, link, len(expected))), ""), expected)
		closeNow(t, link)
	}
}

func TestEachDescriptorThatAnSDKUsesForItsFilterIsUnderstood(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "a", "b", "c")
	session := session(t, sharedServer(t))
	// 0 stands for the symbol.
	for _, descriptor := range []uint64{0, 0x0000468C00000004, 0x000000137000000A} {
		filter := amqp.NewLinkFilter(selector, descriptor, "amqp.annotation.x-opt-sequence-number > '1'")
		link := receiver(t, session, source(hub.Name, "0"), &amqp.ReceiverOptions{Filters: []amqp.LinkFilter{filter}})
		equal(t, fmt.Sprintf("%#x", descriptor), texts(take(t, link, 1)), []string{"c"})
		closeNow(t, link)
	}
}

func TestLatestGivesExactlyWhatIsSentOnceTheLinkIsThere(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	session := session(t, sharedServer(t))
	sending := sender(t, session, target(hub.Name, "0"), nil)
	for _, text := range []string{
		"amqp.annotation.x-opt-offset > '@latest'", "amqp.annotation.x-opt-offset > @latest",
		"amqp.annotation.x-opt-offset >= '@latest'",
	} {
		sendTexts(t, sending, "old")
		link := receiver(t, session, source(hub.Name, "0"), filtered(text))
		sendTexts(t, sending, text, "and more")
		equal(t, text, texts(take(t, link, 2)), []string{text, "and more"})
		closeNow(t, link)
	}
}

// nothingMore makes sure that for a moment nothing comes.
func nothingMore(t *testing.T, link *amqp.Receiver) {
	t.Helper()
	ctx, cancel := contextFor(200 * time.Millisecond)
	defer cancel()
	message, err := link.Receive(ctx, nil)
	isTrue(t, message == nil && errors.Is(err, context.DeadlineExceeded), "%v, %v", message, err)
}

func TestACreditOfOneBringsEverythingOneByOne(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	sent := counted("", 40)
	hub.send("0", sent...)
	link := receiver(t, session(t, sharedServer(t)), source(hub.Name, "0"), &amqp.ReceiverOptions{Credit: 1})
	equal(t, "texts", texts(take(t, link, 40)), sent)
}

func TestAReaderGetsNoMoreThanItsCredit(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	sent := counted("", 10)
	hub.send("0", sent...)
	link := receiver(t, session(t, sharedServer(t)), source(hub.Name, "0"), &amqp.ReceiverOptions{Credit: -1})
	nothingMore(t, link)
	check(t, link.IssueCredit(3))
	equal(t, "three", texts(take(t, link, 3)), sent[:3])
	nothingMore(t, link)
	check(t, link.IssueCredit(1))
	check(t, link.IssueCredit(1))
	equal(t, "two", texts(take(t, link, 2)), sent[3:5])
	nothingMore(t, link)
	check(t, link.IssueCredit(100))
	equal(t, "the rest", texts(take(t, link, 5)), sent[5:])
	hub.send("0", "later")
	equal(t, "later", texts(take(t, link, 1)), []string{"later"})
}

func TestADrainBringsWhatIsThereAndTakesTheRestOfTheCredit(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "a", "b", "c")
	link := receiver(t, session(t, sharedServer(t)), source(hub.Name, "0"), &amqp.ReceiverOptions{Credit: -1})
	check(t, link.DrainCredit(within(t), nil)) // there is none to take
	check(t, link.IssueCredit(10))
	equal(t, "first", texts(take(t, link, 1)), []string{"a"})
	check(t, link.DrainCredit(within(t), nil))
	equal(t, "what was there", texts(take(t, link, 2)), []string{"b", "c"})
	hub.send("0", "d", "e")
	nothingMore(t, link)
	check(t, link.IssueCredit(1))
	equal(t, "with new credit", texts(take(t, link, 1)), []string{"d"})
	nothingMore(t, link)
	check(t, link.DrainCredit(within(t), nil)) // spent to the last
	check(t, link.IssueCredit(5))
	equal(t, "the last", texts(take(t, link, 1)), []string{"e"})
	check(t, link.DrainCredit(within(t), nil)) // at the end of the partition
}

func TestEverySettleModeOfAReaderIsGranted(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	sent := counted("", 20)
	hub.send("0", sent...)
	session := session(t, sharedServer(t))
	for _, sending := range []amqp.SenderSettleMode{
		amqp.SenderSettleModeUnsettled, amqp.SenderSettleModeSettled, amqp.SenderSettleModeMixed,
	} {
		for _, receiving := range []amqp.ReceiverSettleMode{amqp.ReceiverSettleModeFirst, amqp.ReceiverSettleModeSecond} {
			// The library fails the attach when a mode that it asked for is not granted, and in mode second waits for
			// our word on each outcome.
			link := receiver(t, session, source(hub.Name, "0"), &amqp.ReceiverOptions{
				Credit: 5, RequestedSenderSettleMode: &sending, SettlementMode: &receiving,
			})
			equal(t, fmt.Sprint(sending, receiving), texts(take(t, link, 20)), sent)
			closeNow(t, link)
		}
	}
}

func TestWhatAReaderSaysOfAnEventChangesNothing(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	sent := counted("", 8)
	hub.send("0", sent...)
	session := session(t, sharedServer(t))
	link := receiver(t, session, source(hub.Name, "0"), &amqp.ReceiverOptions{Credit: 2})
	for number, text := range sent {
		message := must(link.Receive(within(t), nil))(t)
		equal(t, "text", string(message.GetData()), text)
		switch number % 4 {
		case 0:
			check(t, link.AcceptMessage(within(t), message))
		case 1:
			check(t, link.RejectMessage(within(t), message, &amqp.Error{Condition: "app:dislikes-it"}))
		case 2:
			check(t, link.ReleaseMessage(within(t), message))
		case 3:
			check(t, link.ModifyMessage(within(t), message, &amqp.ModifyMessageOptions{DeliveryFailed: true}))
		}
	}
	nothingMore(t, link)
	again := receiver(t, session, source(hub.Name, "0"), &amqp.ReceiverOptions{Credit: 8})
	equal(t, "another reader's", texts(take(t, again, 8)), sent)
}

func TestAReaderThatAsksIsToldTheEndOfThePartitionWithEachEvent(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", counted("", 10)...)
	session := session(t, sharedServer(t))
	link := receiver(t, session, source(hub.Name, "0"), &amqp.ReceiverOptions{
		Credit: 10, DesiredCapabilities: []string{"com.microsoft:enable-receiver-runtime-metric"},
	})
	for _, message := range take(t, link, 10) {
		told := message.DeliveryAnnotations
		equal(t, "last number", told["last_enqueued_sequence_number"], any(int64(9)))
		equal(t, "last offset", told["last_enqueued_offset"], any("9"))
		equal(t, "last time", told["last_enqueued_time_utc"], message.Annotations["x-opt-enqueued-time"])
		at, isTime := told["runtime_info_retrieval_time_utc"].(time.Time)
		isTrue(t, isTime && time.Since(at).Abs() < time.Minute, "asked at %v", at)
	}
	plain := take(t, receiver(t, session, source(hub.Name, "0"), nil), 1)[0]
	equal(t, "annotations of one that did not ask", len(plain.DeliveryAnnotations), 0)
}

func TestTwoReadersOnOneSessionGetEverythingEach(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	sent := counted("", 300)
	hub.send("0", sent...)
	hub.send("1", counted("one ", 300)...)
	session := session(t, sharedServer(t))
	links := []*amqp.Receiver{
		receiver(t, session, source(hub.Name, "0"), &amqp.ReceiverOptions{Credit: 7}),
		receiver(t, session, source(hub.Name, "0"), &amqp.ReceiverOptions{Credit: 300}),
		receiver(t, session, source(hub.Name, "1"), &amqp.ReceiverOptions{Credit: 50}),
	}
	expected := [][]string{sent, sent, counted("one ", 300)}
	together(t, len(links), func(number int) error {
		for at, text := range expected[number] {
			message, err := links[number].Receive(within(t), nil)
			if err == nil && string(message.GetData()) != text {
				err = fmt.Errorf("reader %d got %q as number %d", number, message.GetData(), at)
			}
			if err == nil {
				err = links[number].AcceptMessage(within(t), message)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func TestALinkNameMayBeUsedAgainOnceItsLinkIsClosed(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "a")
	session := session(t, sharedServer(t))
	for range 20 {
		link := receiver(t, session, source(hub.Name, "0"), &amqp.ReceiverOptions{Name: "the-same"})
		equal(t, "texts", texts(take(t, link, 1)), []string{"a"})
		closeNow(t, link)
		sending := sender(t, session, target(hub.Name, "1"), &amqp.SenderOptions{Name: "the-same"})
		sendTexts(t, sending, "x")
		closeNow(t, sending)
	}
	equal(t, "last number", hub.properties(hub.consumer(), "1").LastEnqueuedSequenceNumber, int64(19))
}

func TestARefusedLinkSaysWhyAndItsSessionGoesOn(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "x")
	session := session(t, sharedServer(t))
	reader := func(address string, options *amqp.ReceiverOptions) error {
		_, err := session.NewReceiver(within(t), address, options)
		return err
	}
	epoch := func(number int64) *amqp.ReceiverOptions {
		return &amqp.ReceiverOptions{Credit: 5, Properties: map[string]any{"com.microsoft:epoch": number}}
	}
	from := source(hub.Name, "0")
	holder := receiver(t, session, source(hub.Name, "3"), epoch(5))
	for name, refusal := range map[string]struct {
		err       error
		condition string
		says      string
	}{
		"a partition too far":   {reader(source(hub.Name, "99"), nil), "com.microsoft:argument-out-of-range", "99"},
		"no number":             {reader(source(hub.Name, "x"), nil), "com.microsoft:argument-out-of-range", "x"},
		"an unreadable filter":  {reader(from, filtered("colour = 'red'")), "com.microsoft:argument-error", "colour"},
		"an unknown annotation": {reader(from, filtered("amqp.annotation.x-opt-colour > '1'")), "com.microsoft:argument-error", "x-opt-colour"},
		"beyond the end":        {reader(from, filtered("amqp.annotation.x-opt-sequence-number > '77'")), "com.microsoft:argument-error", "77"},
		"a lower epoch":         {reader(source(hub.Name, "3"), epoch(4)), "amqp:link:stolen", "5"},
		"no epoch":              {reader(source(hub.Name, "3"), nil), "amqp:link:stolen", "5"},
	} {
		equal(t, name, condition(refusal.err), refusal.condition)
		isTrue(t, strings.Contains(refusal.err.Error(), refusal.says), "%s: %v", name, refusal.err)
	}
	_, err := session.NewSender(within(t), target(hub.Name, "99"), nil)
	equal(t, "a sender to a partition too far", condition(err), "com.microsoft:argument-out-of-range")
	equal(t, "texts", texts(take(t, receiver(t, session, from, nil), 1)), []string{"x"})
	hub.send("3", "y")
	equal(t, "the holder's", texts(take(t, holder, 1)), []string{"y"})
}

func TestALinkThatIsTakenOverEndsWithTheCondition(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "x")
	session := session(t, sharedServer(t))
	options := &amqp.ReceiverOptions{Properties: map[string]any{
		"com.microsoft:epoch": int64(1), "com.microsoft:receiver-name": "me",
	}}
	older := receiver(t, session, source(hub.Name, "0"), options)
	equal(t, "property that is echoed", older.Properties()["com.microsoft:receiver-name"], any("me"))
	take(t, older, 1)
	newer := receiver(t, session, source(hub.Name, "0"), options)
	_, err := older.Receive(within(t), nil)
	var ended *amqp.LinkError
	isTrue(t, errors.As(err, &ended) && ended.RemoteErr != nil, "%T %v", err, err)
	equal(t, "condition", ended.RemoteErr.Condition, amqp.ErrCondStolen)
	equal(t, "texts", texts(take(t, newer, 1)), []string{"x"})
}

func TestWhatDoesNotExistIsNotFoundInTheWordsThatSDKsLookFor(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	hubAt(t, server.Ready.ConnectionString, "known").send("0", "x")
	restart(t, server, "--no-auto-create")
	session := session(t, server)
	for _, address := range []string{"nowhere", "nowhere/Partitions/0"} {
		_, err := session.NewSender(within(t), address, nil)
		equal(t, address, condition(err), "amqp:not-found")
		text := err.Error()
		before, after := strings.Index(text, "The messaging entity"), strings.Index(text, "could not be found")
		isTrue(t, 0 <= before && before < strings.Index(text, "nowhere") && before < after, "%s", text)
	}
	_, err := session.NewReceiver(within(t), source("nowhere", "0"), nil)
	equal(t, "receiver", condition(err), "amqp:not-found")
	_, err = session.NewReceiver(within(t), "known/ConsumerGroups/strangers/Partitions/0", nil)
	equal(t, "group", condition(err), "amqp:not-found")
	equal(t, "texts", texts(take(t, receiver(t, session, source("known", "0"), nil), 1)), []string{"x"})
}
