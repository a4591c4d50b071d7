package interop

import (
	"context"
	"fmt"
	"testing"

	"github.com/Azure/go-amqp"
)

// tryDial connects go-amqp as a client that knows nothing of Event Hubs.
func tryDial(ctx context.Context, server *Server, options *amqp.ConnOptions) (*amqp.Conn, error) {
	return amqp.Dial(ctx, "amqp://"+server.Ready.AMQP, options)
}

// password is SASL PLAIN with policy name and key as user and password.
func password(server *Server) amqp.SASLType {
	return amqp.SASLTypePlain(server.setting("SharedAccessKeyName"), server.setting("SharedAccessKey"))
}

func dial(t testing.TB, server *Server, options *amqp.ConnOptions) *amqp.Conn {
	t.Helper()
	if options == nil {
		options = &amqp.ConnOptions{}
	}
	if options.SASLType == nil {
		options.SASLType = password(server)
	}
	connection := must(tryDial(within(t), server, options))(t)
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

func session(t testing.TB, server *Server) *amqp.Session {
	t.Helper()
	return sessionOn(t, dial(t, server, nil))
}

func sessionOn(t testing.TB, connection *amqp.Conn) *amqp.Session {
	t.Helper()
	return must(connection.NewSession(within(t), nil))(t)
}

func source(hub, partition string) string {
	return fmt.Sprintf("%s/ConsumerGroups/$Default/Partitions/%s", hub, partition)
}

func target(hub, partition string) string {
	return hub + "/Partitions/" + partition
}

func sender(t testing.TB, session *amqp.Session, address string, options *amqp.SenderOptions) *amqp.Sender {
	t.Helper()
	return must(session.NewSender(within(t), address, options))(t)
}

func receiver(t testing.TB, session *amqp.Session, address string, options *amqp.ReceiverOptions) *amqp.Receiver {
	t.Helper()
	return must(session.NewReceiver(within(t), address, options))(t)
}

// sendTexts sends one after the other and waits for each to be accepted.
func sendTexts(t testing.TB, sender *amqp.Sender, texts ...string) {
	t.Helper()
	for _, text := range texts {
		check(t, sender.Send(within(t), amqp.NewMessage([]byte(text)), nil))
	}
}

// take receives so many messages, and accepts each: nothing depends on it, as with Event Hubs.
func take(t testing.TB, receiver *amqp.Receiver, count int) []*amqp.Message {
	t.Helper()
	var found []*amqp.Message
	for range count {
		message := must(receiver.Receive(within(t), nil))(t)
		check(t, receiver.AcceptMessage(within(t), message))
		found = append(found, message)
	}
	return found
}

func texts(messages []*amqp.Message) []string {
	found := []string{}
	for _, message := range messages {
		found = append(found, string(message.GetData()))
	}
	return found
}

// ask sends a request to a node and returns its answer, as `$cbs` and `$management` work.
func ask(t testing.TB, session *amqp.Session, node string, id any, value any, properties map[string]any) *amqp.Message {
	t.Helper()
	replyTo := "reply-to-" + node
	requests := sender(t, session, node, nil)
	answers := receiver(t, session, node, &amqp.ReceiverOptions{TargetAddress: replyTo, Credit: 10})
	request := &amqp.Message{
		Properties:            &amqp.MessageProperties{MessageID: id, ReplyTo: &replyTo},
		ApplicationProperties: properties, Value: value,
	}
	check(t, requests.Send(within(t), request, nil))
	answer := take(t, answers, 1)[0]
	equal(t, "correlation id", answer.Properties.CorrelationID, id)
	closeNow(t, requests)
	closeNow(t, answers)
	return answer
}

// putToken asks `$cbs` to take a token, and returns the status code of its answer.
func putToken(t testing.TB, session *amqp.Session, id any, name, token string) int {
	t.Helper()
	answer := ask(t, session, "$cbs", id, token, map[string]any{
		"operation": "put-token", "type": "servicebus.windows.net:sastoken", "name": name,
	})
	status, isInt := answer.ApplicationProperties["status-code"].(int32)
	isTrue(t, isInt, "the status code is no int: %v", answer.ApplicationProperties)
	return int(status)
}
