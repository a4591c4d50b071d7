// Shares the partitions of a hub with every other copy of itself that is started; Ctrl-C ends it.
//
// Claims and checkpoints are in a folder, so that the copies of one machine see each other's. On several machines they
// belong into a store that all of them reach, Azure's blob checkpoint store for instance.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync"
	"time"

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
	store := folderStore(setting("CHECKPOINTS", "checkpoints"))
	processor, err := azeventhubs.NewProcessor(consumer, store, &azeventhubs.ProcessorOptions{
		StartPositions:        azeventhubs.StartPositions{Default: azeventhubs.StartPosition{Earliest: to.Ptr(true)}},
		LoadBalancingStrategy: azeventhubs.ProcessorStrategyGreedy,
		UpdateInterval:        2 * time.Second,
	})
	check(err)
	done := make(chan error, 1)
	go func() { done <- processor.Run(ctx) }()
	var readers sync.WaitGroup
	for partition := processor.NextPartitionClient(ctx); partition != nil; partition = processor.NextPartitionClient(ctx) {
		readers.Add(1)
		go func() {
			defer readers.Done()
			process(ctx, partition)
		}()
	}
	check(<-done)
	readers.Wait()
}

func process(ctx context.Context, partition *azeventhubs.ProcessorPartitionClient) {
	defer partition.Close(context.Background())
	for {
		events, err := partition.ReceiveEvents(ctx, 1, nil)
		var failure *azeventhubs.Error
		if ctx.Err() != nil || errors.As(err, &failure) && failure.Code == azeventhubs.ErrorCodeOwnershipLost {
			return
		}
		check(err)
		for _, event := range events {
			fmt.Printf("%s/%d %s\n", partition.PartitionID(), event.SequenceNumber, event.Body)
			check(partition.UpdateCheckpoint(context.Background(), event, nil))
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
