package main

import (
	"fmt"
	"text/tabwriter"

	"tinsmith.example/internal/catalog"
)

type modelsCommand struct {
	JSON bool `name:"json" help:"Print one JSON array, as docs/cli.md describes it."`
}

// Help is the second part of the subcommand's --help.
func (*modelsCommand) Help() string {
	return `Examples:
  tinsmith models
  tinsmith models --json

What --model takes is a name of this list, org/name of the Hub, or the path of
a GGUF file.`
}

// listedModel is one element of models --json; docs/cli.md describes it.
type listedModel struct {
	Name       string   `json:"name"`
	ServedName string   `json:"served_name"`
	Aliases    []string `json:"aliases"`
	Default    bool     `json:"default"`
	Format     string   `json:"format"`
	Bytes      int64    `json:"bytes"`
	SHA256     string   `json:"sha256"`
	License    string   `json:"license"`
	Path       *string  `json:"path"` // null: not in the cache
}

func (c *modelsCommand) Run(std *stdio) error {
	config, err := catalog.FromEnv()
	if err != nil {
		return err
	}
	models, err := listModels(catalog.New(config))
	if err != nil {
		return err
	}
	if c.JSON {
		return std.printJSON(models)
	}
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSERVED AS\tFORMAT\tSIZE\tLICENSE\tCACHED")
	for _, m := range models {
		name, cached := m.Name, "no"
		if m.Default {
			name += " (default)"
		}
		if m.Path != nil {
			cached = *m.Path
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%.1f MB\t%s\t%s\n", name, m.ServedName, m.Format, float64(m.Bytes)/1e6, m.License, cached)
	}
	return table.Flush()
}

// listModels gives the catalogue, and then what else is in the cache.
func listModels(cache *catalog.Cache) ([]listedModel, error) {
	var list []listedModel
	for _, m := range catalog.Models() {
		entry := listedModel{
			Name:       m.Name,
			ServedName: m.ServedName,
			Aliases:    m.Aliases,
			Default:    m.Name == catalog.DefaultModel,
			Format:     m.Format,
			Bytes:      m.Bytes,
			SHA256:     m.SHA256,
			License:    m.License,
		}
		if here, ok := cache.Installed(m.Name); ok {
			entry.Path = &here.Path
		}
		list = append(list, entry)
	}
	installed, err := cache.List()
	if err != nil {
		return nil, err
	}
	for _, i := range installed {
		if i.Model == nil {
			list = append(list, listedModel{Name: i.Name, ServedName: i.Name, Bytes: i.Bytes, Path: &i.Path})
		}
	}
	return list, nil
}
