package interop

import (
	"testing"
	"time"
)

func TestAHubHasANameABirthdayAndFourPartitions(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	for _, client := range []managementClient{hub.producer(), hub.consumer()} {
		found := must(client.GetEventHubProperties(within(t), nil))(t)
		equal(t, "name", found.Name, hub.Name)
		equal(t, "partitions", found.PartitionIDs, partitions)
		equal(t, "geo-replication", found.GeoReplicationEnabled, false)
		isTrue(t, time.Since(found.CreatedOn).Abs() < 10*time.Minute, "made at %v", found.CreatedOn)
		again := must(client.GetEventHubProperties(within(t), nil))(t)
		isTrue(t, again.CreatedOn.Equal(found.CreatedOn), "another birthday")
	}
}

func TestAPartitionThatWasNeverWrittenIsEmpty(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	for _, client := range []managementClient{hub.producer(), hub.consumer()} {
		found := hub.properties(client, "2")
		equal(t, "hub", found.EventHubName, hub.Name)
		equal(t, "id", found.PartitionID, "2")
		equal(t, "first number", found.BeginningSequenceNumber, int64(0))
		equal(t, "last number", found.LastEnqueuedSequenceNumber, int64(-1))
		equal(t, "last offset", found.LastEnqueuedOffset, "-1")
		equal(t, "empty", found.IsEmpty, true)
	}
}

func TestAWrittenPartitionShowsItsLastEventAndItsNeighbourStaysEmpty(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	hub.send("1", counted("", 12)...)
	last := hub.read("1", atNumber(10, false), 1)[0]
	for _, client := range []managementClient{hub.producer(), hub.consumer()} {
		found := hub.properties(client, "1")
		equal(t, "first number", found.BeginningSequenceNumber, int64(0))
		equal(t, "last number", found.LastEnqueuedSequenceNumber, int64(11))
		equal(t, "last offset", found.LastEnqueuedOffset, last.Offset)
		isTrue(t, found.LastEnqueuedOn.Equal(*last.EnqueuedTime), "%v, not %v", found.LastEnqueuedOn, last.EnqueuedTime)
		equal(t, "empty", found.IsEmpty, false)
		equal(t, "neighbour empty", hub.properties(client, "0").IsEmpty, true)
	}
}

func TestAnAcknowledgedEventIsCountedAtOnce(t *testing.T) {
	t.Parallel()
	hub := newHub(t)
	client := hub.consumer()
	for number := range 5 {
		hub.send("0", "x")
		equal(t, "last number", hub.properties(client, "0").LastEnqueuedSequenceNumber, int64(number))
	}
}
