package interop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

func devHub(t *testing.T) *Hub {
	return hubAt(t, fmt.Sprintf(wellKnown, devServer(t).Ready.AMQP), hubName(t))
}

func TestTheConnectionStringOfTheDocumentationWorks(t *testing.T) {
	t.Parallel()
	server := devServer(t)
	_, port, _ := strings.Cut(server.Ready.AMQP, ":")
	for _, host := range []string{"localhost:" + port, "127.0.0.1:" + port, "localhost:" + port + "/"} {
		hub := hubAt(t, fmt.Sprintf(wellKnown, host), hubName(t))
		hub.send("0", "a", "b")
		equal(t, host, bodies(hub.read("0", earliest, 2)), []string{"a", "b"})
	}
}

func TestAConnectionStringMayNameTheHub(t *testing.T) {
	t.Parallel()
	hub := devHub(t)
	named := hubAt(t, hub.Connection+";EntityPath="+hub.Name, "")
	named.send("3", "x")
	equal(t, "bodies", bodies(hub.read("3", earliest, 1)), []string{"x"})
}

func TestTheReadyFileGivesTheWellKnownKeyAndSaysMemory(t *testing.T) {
	t.Parallel()
	server := devServer(t)
	found := must(azeventhubs.ParseConnectionString(server.Ready.ConnectionString))(t)
	equal(t, "policy", *found.SharedAccessKeyName, "RootManageSharedAccessKey")
	equal(t, "key", *found.SharedAccessKey, "SAS_KEY_VALUE")
	equal(t, "emulator", found.Emulator, true)
	equal(t, "host", found.FullyQualifiedNamespace, server.Ready.AMQP)
	equal(t, "durability", server.Ready.Durability, "memory")
	isTrue(t, server.Ready.Data == nil, "it has a folder")
}

func TestAnotherKeyThanTheWellKnownOneIsRefused(t *testing.T) {
	t.Parallel()
	areUnauthorized(devHub(t).with("SAS_KEY_VALUE", "another"))
}

func TestMemoryForgetsWhenTheServerStops(t *testing.T) {
	t.Parallel()
	server := started(t, newServer(t.TempDir(), false))
	hub := hubAt(t, server.Ready.ConnectionString, "orders")
	hub.retry = patient
	hub.send("0", "x")
	equal(t, "last number", hub.properties(hub.sender, "0").LastEnqueuedSequenceNumber, int64(0))
	restart(t, server)
	// A new client: this SDK's GetPartitionProperties does not come back by itself from a lost connection.
	equal(t, "empty", hub.properties(hub.producer(), "0").IsEmpty, true)
	hub.send("0", "y")
	equal(t, "bodies", bodies(hub.read("0", earliest, 1)), []string{"y"})
}
