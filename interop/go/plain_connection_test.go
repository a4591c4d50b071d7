package interop

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

func TestAQuietConnectionIsKeptAlive(t *testing.T) {
	t.Parallel()
	server, hub := sharedServer(t), newHub(t)
	// The library drops a connection on which nothing came for this long.
	connection := dial(t, server, &amqp.ConnOptions{IdleTimeout: time.Second})
	sending := sender(t, sessionOn(t, connection), target(hub.Name, "0"), nil)
	sendTexts(t, sending, "before")
	select {
	case <-connection.Done():
		t.Fatalf("it was dropped: %v", connection.Err())
	case <-time.After(3500 * time.Millisecond):
	}
	sendTexts(t, sending, "after")
	equal(t, "bodies", bodies(hub.read("0", earliest, 2)), []string{"before", "after"})
}

func TestAServerThatStopsSaysSoAndANewConnectionGoesOn(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	connection := dial(t, server, nil)
	session := sessionOn(t, connection)
	sendTexts(t, sender(t, session, target("orders", "0"), nil), "before")
	reading := receiver(t, session, source("orders", "0"), nil)
	take(t, reading, 1)
	restart(t, server)
	arrives(t, "the end of the connection", connection.Done())
	_, err := reading.Receive(within(t), nil)
	for _, found := range []error{connection.Err(), err} {
		var ended *amqp.ConnError
		isTrue(t, errors.As(found, &ended) && ended.RemoteErr != nil, "%T %v", found, found)
		equal(t, "condition", ended.RemoteErr.Condition, amqp.ErrCondConnectionForced)
	}
	session = sessionOn(t, dial(t, server, nil))
	sendTexts(t, sender(t, session, target("orders", "0"), nil), "after")
	found := take(t, receiver(t, session, source("orders", "0"), nil), 2)
	equal(t, "texts", texts(found), []string{"before", "after"})
	for number, message := range found {
		equal(t, "number", message.Annotations["x-opt-sequence-number"], any(int64(number)))
	}
}

func TestACloseIsAnsweredAndTheSocketEnds(t *testing.T) {
	t.Parallel()
	server, hub := sharedServer(t), newHub(t)
	between := newProxy(t, server)
	connection := must(amqp.Dial(
		within(t), "amqp://"+between.listener.Addr().String(), &amqp.ConnOptions{SASLType: password(server)},
	))(t)
	session := sessionOn(t, connection)
	sendTexts(t, sender(t, session, target(hub.Name, "0"), nil), "x")
	take(t, receiver(t, session, source(hub.Name, "0"), nil), 1)
	check(t, session.Close(within(t)))
	check(t, connection.Close())
	until(t, "both ends to end", func() bool {
		return between.all(func(one *proxied) bool { return one.ended == 2 })
	})
	isTrue(t, between.all(func(one *proxied) bool {
		return bytes.Contains(one.lastOfServer, []byte{0x00, 0x53, 0x18})
	}), "the server did not answer the close")
}
