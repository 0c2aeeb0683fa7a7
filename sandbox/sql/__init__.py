"""The SQL Statement Execution API and its warehouse: runs queries over the tables of Unity Catalog on Sail."""
