// Reads a hub from its beginning and waits for more; Ctrl-C ends it.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

const dev = "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	consumer, err := azeventhubs.NewConsumerClientFromConnectionString(
		setting("EVENTHUB_CONNECTION_STRING", dev), setting("EVENTHUB_NAME", "events"), azeventhubs.DefaultConsumerGroup, nil)
	check(err)
	defer consumer.Close(context.Background())
	hub, err := consumer.GetEventHubProperties(ctx, nil)
	check(err)
	var readers sync.WaitGroup
	for _, id := range hub.PartitionIDs {
		partition, err := consumer.NewPartitionClient(id, &azeventhubs.PartitionClientOptions{
			StartPosition: azeventhubs.StartPosition{Earliest: to.Ptr(true)},
		})
		check(err)
		readers.Add(1)
		go func() {
			defer readers.Done()
			read(ctx, id, partition)
		}()
	}
	readers.Wait()
}

func read(ctx context.Context, id string, partition *azeventhubs.PartitionClient) {
	defer partition.Close(context.Background())
	for {
		events, err := partition.ReceiveEvents(ctx, 1, nil)
		if ctx.Err() != nil {
			return
		}
		check(err)
		for _, event := range events {
			fmt.Printf("%s/%d %s\n", id, event.SequenceNumber, event.Body)
		}
	}
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
