package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

// refusals are the errors of a hub that refuses to send, to tell and to be read.
func refusals(hub *Hub) map[string]error {
	t := hub.t
	t.Helper()
	errors := map[string]error{}
	producer, consumer := hub.producer(), hub.consumer()
	_, errors["a batch"] = producer.NewEventDataBatch(within(t), nil)
	_, errors["a batch for a partition"] = producer.NewEventDataBatch(within(t), toPartition("0"))
	_, errors["the hub's properties"] = producer.GetEventHubProperties(within(t), nil)
	_, errors["a partition's properties"] = tryProperties(t, consumer, "0")
	client := partitionOf(t, consumer, "0", &azeventhubs.PartitionClientOptions{StartPosition: earliest})
	events, err := tryReceive(within(t), client, 1)
	equal(t, "events", len(events), 0)
	errors["events"] = err
	return errors
}

func areUnauthorized(hub *Hub) {
	t := hub.t
	t.Helper()
	for what, err := range refusals(hub) {
		// The SDK gives what its management calls find without a code: their cause tells.
		unauthorized := code(err) == azeventhubs.ErrorCodeUnauthorizedAccess ||
			strings.Contains(what, "properties") && err != nil && strings.Contains(err.Error(), "401")
		isTrue(t, unauthorized, "%s: %T %v", what, err, err)
	}
}

func (h *Hub) with(old, new string) *Hub {
	h.t.Helper()
	changed := strings.Replace(h.Connection, old, new, 1)
	isTrue(h.t, changed != h.Connection, "%q is not in the connection string", old)
	return hubAt(h.t, changed, h.Name)
}

// withToken is the hub for someone who was given a ready signature and no key.
func (h *Hub) withToken(server *Server, token string) *Hub {
	return hubAt(h.t, fmt.Sprintf(
		"Endpoint=sb://%s/;SharedAccessSignature=%s;UseDevelopmentEmulator=true", server.host(), token,
	), h.Name)
}

func TestAWrongKeyIsRefused(t *testing.T) {
	t.Parallel()
	server := sharedServer(t)
	key := server.setting("SharedAccessKey")
	other := key[:len(key)-2] + "A="
	if other == key {
		other = key[:len(key)-2] + "B="
	}
	areUnauthorized(newHub(t).with(key, other))
}

func TestTheWellKnownKeyIsRefusedWhereAKeyWasGenerated(t *testing.T) {
	t.Parallel()
	areUnauthorized(newHub(t).with(sharedServer(t).setting("SharedAccessKey"), "SAS_KEY_VALUE"))
}

func TestAnUnknownPolicyIsRefused(t *testing.T) {
	t.Parallel()
	areUnauthorized(newHub(t).with("SharedAccessKeyName=RootManage", "SharedAccessKeyName=Nobody"))
}

func TestAWrongKeyHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("0", "before")
	wrong := hub.with(sharedServer(t).setting("SharedAccessKey"), "d3Jvbmc=")
	equal(t, "code", code(trySend(within(t), wrong.producer(), toPartition("0"), newEvent("never"))),
		azeventhubs.ErrorCodeUnauthorizedAccess)
	hub.send("0", "after")
	equal(t, "bodies", bodies(hub.read("0", earliest, 2)), []string{"before", "after"})
}

func TestAReadySignatureIsAcceptedWhateverItsScheme(t *testing.T) {
	t.Parallel()
	server := sharedServer(t)
	hub := newHub(t)
	hour := time.Now().Add(time.Hour)
	var sent []string
	for _, scheme := range []string{"sb", "amqps", "amqp", "http", "https"} {
		for _, path := range []string{"/", "/" + hub.Name, "/" + strings.ToUpper(hub.Name)} {
			body := scheme + path
			hub.withToken(server, server.token(scheme+"://"+server.host()+path, hour)).send("0", body)
			sent = append(sent, body)
		}
	}
	ready := hub.withToken(server, server.token("sb://"+server.host()+"/"+hub.Name, hour))
	equal(t, "bodies", bodies(ready.read("0", earliest, len(sent))), sent)
}

func TestASignatureThatIsExpiredOrMovedOrForAnotherHubIsRefused(t *testing.T) {
	t.Parallel()
	server := sharedServer(t)
	past, hour := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for name, signature := range map[string]func(resource string) string{
		"expired": func(resource string) string { return server.token(resource, past) },
		"moved": func(resource string) string {
			signed := server.token(resource, past)
			return strings.Replace(signed, fmt.Sprint(past.Unix()), fmt.Sprint(hour.Unix()), 1)
		},
		"another hub":            func(resource string) string { return server.token(resource+"-other", hour) },
		"the name, not the path": func(resource string) string { return server.token(resource[:len(resource)-1], hour) },
		"another policy": func(resource string) string {
			return token(resource, "Nobody", server.setting("SharedAccessKey"), hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := newHub(t)
			hub.send("0", "x") // it exists, so that nothing else is the reason
			areUnauthorized(hub.withToken(server, signature("sb://"+server.host()+"/"+hub.Name)))
		})
	}
}

func TestAnUnknownHubIsNotFoundWhenCreationIsOff(t *testing.T) {
	t.Parallel()
	server := ownServer(t, "--no-auto-create")
	for what, err := range refusals(hubAt(t, server.Ready.ConnectionString, "nowhere")) {
		equal(t, what, code(err), azeventhubs.ErrorCode(""))
		text := err.Error()
		if strings.Contains(what, "properties") {
			isTrue(t, strings.Contains(text, "404"), "%s: %s", what, text)
		} else {
			equal(t, what, condition(err), "amqp:not-found")
		}
		isTrue(t, strings.Contains(text, "nowhere"), "%s: %s", what, text)
	}
}

func TestCreationOffKeepsWhatIsThereAndDoesNotFindAnUnknownGroup(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	hubAt(t, server.Ready.ConnectionString, "known").send("0", "here")
	restart(t, server, "--no-auto-create")
	known := hubAt(t, server.Ready.ConnectionString, "known")
	known.send("0", "more")
	equal(t, "bodies", bodies(known.read("0", earliest, 2)), []string{"here", "more"})
	strangers := partitionOf(t, known.consumerOf("strangers", ""), "0", nil)
	_, err := tryReceive(within(t), strangers, 1)
	equal(t, "condition", condition(err), "amqp:not-found")
	isTrue(t, strings.Contains(err.Error(), "strangers"), "%v", err)
}

func TestAPartitionThatDoesNotExistIsRefusedToEveryone(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	producer := hub.producer()
	for _, partition := range []string{"4", "99", "x", "-1"} {
		_, err := producer.NewEventDataBatch(within(t), toPartition(partition))
		equal(t, "sender's condition", condition(err), "com.microsoft:argument-out-of-range")
		client := hub.partition(partition, &azeventhubs.PartitionClientOptions{StartPosition: earliest})
		_, err = tryReceive(within(t), client, 1)
		equal(t, "reader's condition", condition(err), "com.microsoft:argument-out-of-range")
		isTrue(t, strings.Contains(err.Error(), partition), "%v", err)
		_, err = tryProperties(t, producer, partition)
		isTrue(t, err != nil && strings.Contains(err.Error(), "404"), "properties: %v", err)
	}
	check(t, trySend(within(t), producer, toPartition("3"), newEvent("the client goes on")))
}

func TestANameThatAzureRefusesIsRefused(t *testing.T) {
	t.Parallel()
	server := sharedServer(t)
	for _, name := range []string{"with space", "-", strings.Repeat("x", 300)} {
		client := hubAt(t, server.Ready.ConnectionString, name).producer()
		_, err := client.NewEventDataBatch(within(t), nil)
		isTrue(t, err != nil, "%.20q was accepted", name)
	}
}

func TestAKeyAndAPartitionAtOnceNeverLeaveTheSDK(t *testing.T) {
	t.Parallel()
	_, err := newHub(t).producer().NewEventDataBatch(within(t), &azeventhubs.EventDataBatchOptions{
		PartitionID: to.Ptr("0"), PartitionKey: to.Ptr("key"),
	})
	isTrue(t, err != nil && strings.Contains(err.Error(), "not both"), "%v", err)
}
