// Sends three events; run it as often as you like.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

const dev = "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"

func main() {
	ctx := context.Background()
	producer, err := azeventhubs.NewProducerClientFromConnectionString(
		setting("EVENTHUB_CONNECTION_STRING", dev), setting("EVENTHUB_NAME", "events"), nil)
	check(err)
	defer producer.Close(ctx)
	batch, err := producer.NewEventDataBatch(ctx, &azeventhubs.EventDataBatchOptions{PartitionKey: to.Ptr("device-7")})
	check(err)
	for _, body := range []string{"one", "two", "three"} {
		check(batch.AddEventData(&azeventhubs.EventData{Body: []byte(body)}, nil))
	}
	check(producer.SendEventDataBatch(ctx, batch, nil))
	fmt.Println("sent 3 events")
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
