package config

// View returns what a part of Swift sees of the file, nil if it is not there.
func (f *File) View(name string) map[string]string {
	parts := map[string]part{"server": wsgi, "app": app, "healthcheck": healthcheck, "recon": recon, "replicator": replicator}

	seen := f.views[parts[name]]
	if seen == nil {
		return nil
	}
	texts := map[string]string{}
	for key, v := range seen {
		texts[key] = v.text
	}

	return texts
}

// Tell returns what there is to say about the file.
func (f *File) Tell() Told { return f.tell() }
