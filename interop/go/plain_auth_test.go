package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

func TestPolicyAndKeyAreUserAndPassword(t *testing.T) {
	t.Parallel()
	server, hub := sharedServer(t), newHub(t)
	sendTexts(t, sender(t, session(t, server), target(hub.Name, "0"), nil), "a", "b")
	equal(t, "what the SDK reads", bodies(hub.read("0", earliest, 2)), []string{"a", "b"})
	hub.send("0", "c")
	found := take(t, receiver(t, session(t, server), source(hub.Name, "0"), nil), 3)
	equal(t, "what it reads", texts(found), []string{"a", "b", "c"})
}

func TestAWrongPasswordAndAnUnknownUserAreRefused(t *testing.T) {
	t.Parallel()
	server := sharedServer(t)
	policy, key := server.setting("SharedAccessKeyName"), server.setting("SharedAccessKey")
	for name, sasl := range map[string]amqp.SASLType{
		"another key": amqp.SASLTypePlain(policy, "d3Jvbmc="), "no key": amqp.SASLTypePlain(policy, ""),
		"a key with a tail":  amqp.SASLTypePlain(policy, key+"="),
		"the well-known key": amqp.SASLTypePlain(policy, "SAS_KEY_VALUE"),
		"another policy":     amqp.SASLTypePlain("Nobody", key), "no policy": amqp.SASLTypePlain("", key),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connection, err := tryDial(within(t), server, &amqp.ConnOptions{SASLType: sasl})
			isTrue(t, connection == nil && err != nil, "it was let in")
			// The library says what the outcome frame said: code 1, 5.3.3.6.
			isTrue(t, strings.Contains(err.Error(), "SASL PLAIN auth failed with code 0x1"), "%v", err)
		})
	}
}

func TestSomebodyAnonymousMayDoNothingUntilATokenIsPut(t *testing.T) {
	t.Parallel()
	server, hub := sharedServer(t), newHub(t)
	session := sessionOn(t, dial(t, server, &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous()}))
	_, err := session.NewSender(within(t), target(hub.Name, "0"), nil)
	equal(t, "sender", condition(err), "amqp:unauthorized-access")
	_, err = session.NewReceiver(within(t), source(hub.Name, "0"), nil)
	equal(t, "receiver", condition(err), "amqp:unauthorized-access")
	resource := "sb://" + server.host() + "/" + hub.Name
	token := server.token(resource, time.Now().Add(time.Hour))
	equal(t, "status", putToken(t, session, "request-1", resource, token), 202)
	sendTexts(t, sender(t, session, target(hub.Name, "0"), nil), "allowed")
	found := take(t, receiver(t, session, source(hub.Name, "0"), nil), 1)
	equal(t, "texts", texts(found), []string{"allowed"})
	_, err = session.NewSender(within(t), hub.Name+"-other", nil)
	equal(t, "another hub", condition(err), "amqp:unauthorized-access")
}

func TestATokenIsAnsweredByTheIDOfItsRequestWhateverItsType(t *testing.T) {
	t.Parallel()
	server := sharedServer(t)
	session := sessionOn(t, dial(t, server, &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous()}))
	resource := "amqps://" + server.host() + "/some-hub"
	token := server.token(resource, time.Now().Add(time.Hour))
	for _, id := range []any{"text", uint64(0), uint64(1 << 40), anID, []byte{1, 2, 3}} {
		equal(t, fmt.Sprintf("status for %v", id), putToken(t, session, id, resource, token), 202)
	}
}

func TestABadTokenIsAnsweredWith401AndTheConnectionGoesOn(t *testing.T) {
	t.Parallel()
	server, hub := sharedServer(t), newHub(t)
	session := sessionOn(t, dial(t, server, &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous()}))
	resource := "sb://" + server.host() + "/" + hub.Name
	policy, hour := server.setting("SharedAccessKeyName"), time.Now().Add(time.Hour)
	for name, bad := range map[string]string{
		"another key": token(resource, policy, "d3Jvbmc=", hour), "nobody's": token(resource, "Nobody", "d3Jvbmc=", hour),
		"expired": server.token(resource, time.Now().Add(-time.Hour)),
	} {
		equal(t, name, putToken(t, session, "id", resource, bad), 401)
	}
	_, err := session.NewSender(within(t), hub.Name, nil)
	equal(t, "after bad tokens", condition(err), "amqp:unauthorized-access")
	equal(t, "a good one", putToken(t, session, "id", resource, server.token(resource, hour)), 202)
	sendTexts(t, sender(t, session, hub.Name, nil), "allowed")
}

func TestTheManagementNodeAnswersWithTheTypesOfTheReference(t *testing.T) {
	t.Parallel()
	server, hub := sharedServer(t), newHub(t)
	hub.send("1", "a", "b")
	session := session(t, server)
	read := func(kind string, more map[string]any) map[string]any {
		properties := map[string]any{"operation": "READ", "type": kind, "name": hub.Name}
		for name, value := range more {
			properties[name] = value
		}
		answer := ask(t, session, "$management", "id", nil, properties)
		equal(t, "status of "+kind, answer.ApplicationProperties["status-code"], any(int32(200)))
		found, isMap := answer.Value.(map[string]any)
		isTrue(t, isMap, "%T", answer.Value)
		return found
	}
	found := read("com.microsoft:eventhub", nil)
	equal(t, "name", found["name"], any(hub.Name))
	equal(t, "partitions", found["partition_ids"], any(partitions))
	equal(t, "count", found["partition_count"], any(int32(4)))
	_, isTime := found["created_at"].(time.Time)
	isTrue(t, isTime, "created_at is %T", found["created_at"])
	found = read("com.microsoft:partition", map[string]any{"partition": "1"})
	equal(t, "partition", found["partition"], any("1"))
	equal(t, "first", found["begin_sequence_number"], any(int64(0)))
	equal(t, "last", found["last_enqueued_sequence_number"], any(int64(1)))
	equal(t, "offset", found["last_enqueued_offset"], any("1"))
	equal(t, "empty", found["is_partition_empty"], any(false))
	for _, bad := range []map[string]any{
		{"operation": "READ", "type": "com.microsoft:partition", "name": hub.Name, "partition": "99"},
		{"operation": "READ", "type": "com.microsoft:eventhub", "name": "not a name"},
	} {
		answer := ask(t, session, "$management", "id", nil, bad)
		equal(t, "status", answer.ApplicationProperties["status-code"], any(int32(404)))
		equal(t, "condition", answer.ApplicationProperties["error-condition"], any("amqp:not-found"))
	}
}
