package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

// folderStore is a checkpoint store in a folder: the claims of a partition are files with ascending numbers, of which the
// last one holds, and its checkpoint is one file. Names:
//
//	HOST_HUB_GROUP_PARTITION.claim.NUMBER    HOST_HUB_GROUP_PARTITION.checkpoint
type folderStore string

func (s folderStore) name(namespace, hub, group, partition string) string {
	path := url.PathEscape
	return filepath.Join(string(s), path(namespace)+"_"+path(hub)+"_"+path(group)+"_"+partition)
}

// ClaimOwnership makes the file of the next number. Of two who want the same one, the system lets one make it.
func (s folderStore) ClaimOwnership(
	_ context.Context, wanted []azeventhubs.Ownership, _ *azeventhubs.ClaimOwnershipOptions,
) ([]azeventhubs.Ownership, error) {
	var won []azeventhubs.Ownership
	for _, one := range wanted {
		name := s.name(one.FullyQualifiedNamespace, one.EventHubName, one.ConsumerGroup, one.PartitionID)
		held := 0
		if one.ETag != nil {
			held, _ = strconv.Atoi(string(*one.ETag))
		}
		tag := azcore.ETag(strconv.Itoa(held + 1))
		one.ETag, one.LastModifiedTime = &tag, time.Now().UTC()
		claim := claimPath(name, held+1)
		err := write(claim, one, os.Link)
		if errors.Is(err, os.ErrExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		// Somebody who had looked long ago may have made a number that was passed: the last one holds.
		if lastClaim(name) != held+1 {
			_ = os.Remove(claim)
			continue
		}
		_ = os.Remove(claimPath(name, held))
		won = append(won, one)
	}
	return won, nil
}

func (s folderStore) ListOwnership(
	_ context.Context, namespace, hub, group string, _ *azeventhubs.ListOwnershipOptions,
) ([]azeventhubs.Ownership, error) {
	found, err := list[azeventhubs.Ownership](s.name(namespace, hub, group, "*.claim.*"))
	// While a claim passes from one number to the next, both files are there.
	last := map[string]azeventhubs.Ownership{}
	for _, one := range found {
		if other, both := last[one.PartitionID]; !both || one.LastModifiedTime.After(other.LastModifiedTime) {
			last[one.PartitionID] = one
		}
	}
	found = found[:0]
	for _, one := range last {
		found = append(found, one)
	}
	return found, err
}

func (s folderStore) SetCheckpoint(
	_ context.Context, one azeventhubs.Checkpoint, _ *azeventhubs.SetCheckpointOptions,
) error {
	name := s.name(one.FullyQualifiedNamespace, one.EventHubName, one.ConsumerGroup, one.PartitionID)
	return write(name+".checkpoint", one, os.Rename)
}

func (s folderStore) ListCheckpoints(
	_ context.Context, namespace, hub, group string, _ *azeventhubs.ListCheckpointsOptions,
) ([]azeventhubs.Checkpoint, error) {
	return list[azeventhubs.Checkpoint](s.name(namespace, hub, group, "*.checkpoint"))
}

func claimPath(name string, number int) string { return fmt.Sprintf("%s.claim.%d", name, number) }

func lastClaim(name string) int {
	last := 0
	files, _ := filepath.Glob(name + ".claim.*")
	for _, file := range files {
		number, _ := strconv.Atoi(filepath.Ext(file)[1:])
		last = max(last, number)
	}
	return last
}

// write makes a file appear whole.
func write(path string, value any, appear func(from, to string) error) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	aside, err := os.CreateTemp(filepath.Dir(path), "new-")
	if err != nil {
		return err
	}
	defer os.Remove(aside.Name())
	_, err = aside.Write(text)
	if err := errors.Join(err, aside.Close()); err != nil {
		return err
	}
	return appear(aside.Name(), path)
}

func list[T any](pattern string) ([]T, error) {
	files, err := filepath.Glob(pattern)
	var found []T
	for _, file := range files {
		text, readErr := os.ReadFile(file)
		if errors.Is(readErr, os.ErrNotExist) {
			continue // passed on meanwhile
		}
		var one T
		err = errors.Join(err, readErr, json.Unmarshal(text, &one))
		found = append(found, one)
	}
	return found, err
}
