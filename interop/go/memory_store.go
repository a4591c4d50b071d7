package interop

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

// memoryStore is a checkpoint store in memory, as a user of the SDK would write one: a partition is claimed by whoever
// knows the tag of its last claim.
type memoryStore struct {
	mutex       sync.Mutex
	tags        int
	owned       map[string]azeventhubs.Ownership
	checkpoints map[string]azeventhubs.Checkpoint
}

func newMemoryStore() *memoryStore {
	return &memoryStore{owned: map[string]azeventhubs.Ownership{}, checkpoints: map[string]azeventhubs.Checkpoint{}}
}

func storeKey(parts ...string) string { return strings.Join(parts, "\n") + "\n" }

func (s *memoryStore) ClaimOwnership(
	_ context.Context, wanted []azeventhubs.Ownership, _ *azeventhubs.ClaimOwnershipOptions,
) ([]azeventhubs.Ownership, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var claimed []azeventhubs.Ownership
	for _, one := range wanted {
		key := storeKey(one.FullyQualifiedNamespace, one.EventHubName, one.ConsumerGroup, one.PartitionID)
		held, isHeld := s.owned[key]
		if isHeld && (one.ETag == nil || *one.ETag != *held.ETag) {
			continue
		}
		s.tags++
		tag := azcore.ETag(fmt.Sprint(s.tags))
		one.ETag, one.LastModifiedTime = &tag, time.Now().UTC()
		s.owned[key] = one
		claimed = append(claimed, one)
	}
	return claimed, nil
}

func (s *memoryStore) ListOwnership(
	_ context.Context, namespace, hub, group string, _ *azeventhubs.ListOwnershipOptions,
) ([]azeventhubs.Ownership, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return under(s.owned, storeKey(namespace, hub, group)), nil
}

func (s *memoryStore) SetCheckpoint(
	_ context.Context, one azeventhubs.Checkpoint, _ *azeventhubs.SetCheckpointOptions,
) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.checkpoints[storeKey(one.FullyQualifiedNamespace, one.EventHubName, one.ConsumerGroup, one.PartitionID)] = one
	return nil
}

func (s *memoryStore) ListCheckpoints(
	_ context.Context, namespace, hub, group string, _ *azeventhubs.ListCheckpointsOptions,
) ([]azeventhubs.Checkpoint, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return under(s.checkpoints, storeKey(namespace, hub, group)), nil
}

func under[T any](table map[string]T, prefix string) []T {
	var found []T
	for key, one := range table {
		if strings.HasPrefix(key, prefix) {
			found = append(found, one)
		}
	}
	return found
}

// shares is how many partitions each owner holds.
func (s *memoryStore) shares() map[string]int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	counts := map[string]int{}
	for _, one := range s.owned {
		if one.OwnerID != "" {
			counts[one.OwnerID]++
		}
	}
	return counts
}
